"""An officer suspends and reinstates by the order's number; the wallet of the citizen says so, in both languages."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.cli import officer_standing
from diptych.cli.main import application
from diptych.errors import Unavailable
from diptych.formats import base64url
from diptych.roles.officer.service import Officer
from diptych.roles.wallet.statuses import DocumentStatus
from tests.cli.test_wallet import Citizen, citizen, unwrapped

__all__ = ["citizen"]


@dataclass
class Counter:
    """The officer's workstation, in whose place `officer` stands."""

    workstation: Officer

    def officer(self, folder: Path, issuer: str | None) -> Officer:
        return self.workstation

    def type(self, *arguments: str, said: str | None = None, exit_code: int = 0) -> str:
        outcome = CliRunner().invoke(application, ["officer", *arguments], obj=self, input=said)
        assert outcome.exit_code == exit_code, outcome.output
        return outcome.stdout


@pytest.fixture
def counter(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> Counter:
    class Now:
        @staticmethod
        def now(zone: object) -> object:
            return citizen.play.now

    monkeypatch.setattr(officer_standing, "datetime", Now)
    return Counter(citizen.play.officer)


def received(citizen: Citizen) -> str:
    """A licence and its proofs; the number of their order."""
    approval = citizen.play.approve()
    citizen.json("accept", approval.offer.link(), "--tx-code", approval.tx_code.reveal().decode(), "--yes")
    return base64url.encode(approval.order_id)


def published(citizen: Citizen) -> None:
    citizen.play.later(minutes=11)
    citizen.play.town.issuer.sweep(citizen.play.now)


def statuses(citizen: Citizen) -> dict[str, str | None]:
    documents = citizen.json("list")["documents"]
    assert isinstance(documents, list)
    return {one["document"]: one["status"] for one in documents}


def test_what_stands_is_said_to_stand_and_proofs_have_no_status(citizen: Citizen) -> None:
    received(citizen)
    assert statuses(citizen) == {"driving-licence": "stands", "proof-of-age": None, "driving-entitlement": None}


def test_a_suspended_licence_is_shown_as_such_and_stands_again(
    citizen: Citizen, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = received(citizen)
    answer = json.loads(counter.type("suspend", order, "--reason", "lost", "--json"))
    assert answer == {"order": order, "standing": "suspended", "reason": "lost", "in_force": False}
    published(citizen)
    assert statuses(citizen)["driving-licence"] == DocumentStatus.SUSPENDED
    assert "is suspended by its issuer" in unwrapped(citizen.run("list").stdout)
    assert citizen.json("show", "driving-licence")["status"] == "suspended"
    monkeypatch.setenv("DIPTYCH_LANGUAGE", "fr")
    assert "suspendu par son émetteur" in unwrapped(citizen.run("show", "driving-licence").stdout)
    citizen.play.later(minutes=1)
    counter.type("reinstate", order, "--reason", "found")
    published(citizen)
    assert statuses(citizen)["driving-licence"] == "stands"


def test_revoking_asks_first_and_is_for_good(citizen: Citizen, counter: Counter) -> None:
    order = received(citizen)
    counter.type("revoke", order, "--reason", "stolen", said="n\n", exit_code=1)
    published(citizen)
    assert statuses(citizen)["driving-licence"] == "stands"
    counter.type("revoke", order, "--reason", "stolen", "--yes")
    published(citizen)
    assert statuses(citizen)["driving-licence"] == "revoked"
    assert "révoqué" not in citizen.run("list").stdout
    assert "was revoked by its issuer" in unwrapped(citizen.run("list").stdout)


def test_without_a_way_to_the_list_the_wallet_says_that_it_does_not_know(
    citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    received(citizen)

    def nobody(uri: str) -> None:
        raise Unavailable("http.unreachable", "nobody is there")

    monkeypatch.setattr(citizen.play.status_line, "fetch", nobody)
    assert statuses(citizen)["driving-licence"] == "unknown"
    assert "cannot be known now" in unwrapped(citizen.run("list").stdout)


@pytest.mark.parametrize("number", ["", "AAAA", "not a number!", "A" * 23])
def test_what_is_no_orders_number_is_refused(counter: Counter, number: str) -> None:
    outcome = CliRunner().invoke(application, ["officer", "suspend", number, "--reason", "lost"], obj=counter)
    assert outcome.exit_code != 0
    assert getattr(outcome.exception, "check", "") == "officer.order"
