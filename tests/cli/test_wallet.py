"""`diptych wallet` as a citizen meets it: what is asked, what is shown, what `--json` says, and how it ends."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from diptych.adapters.storage.wallet import create_wallet_store, open_wallet_store
from diptych.app import House
from diptych.cli import wallet_door
from diptych.cli.main import application
from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, FormatError, Refused
from diptych.private import Secret
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.service import Wallet
from tests.play import Play

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
PASSPHRASE = "seven seals in bronze"


class PlayHouse(House):
    """The real wallet on disk, its lines ending in this process."""

    def __init__(self, play: Play) -> None:
        self.play = play

    def new_wallet(
        self, folder: Path, passphrase: Secret, trust: Path, verifier_trust: Path, log_policy: Path | None = None
    ) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = create_wallet_store(folder / "wallet.db", passphrase, hardness=EASY, entropy=os.urandom)
        replace(self.play.wallet, store=store).set_trust(
            trust.read_bytes(),
            verifier_trust.read_bytes(),
            None if log_policy is None else log_policy.read_bytes(),
        )

    def wallet(self, folder: Path, passphrase: Secret) -> Wallet:
        store = open_wallet_store(folder / "wallet.db", passphrase, entropy=os.urandom, least=EASY)
        return replace(self.play.wallet, store=store)


def unwrapped(text: str) -> str:
    """What stands in a panel, as one line."""
    return " ".join(text.replace("│", " ").split())


class Citizen:
    """Types commands."""

    def __init__(self, play: Play, folder: Path) -> None:
        self.play = play
        self.folder = folder

    def type(self, *arguments: str, said: str | None = None) -> Result:
        runner, house = CliRunner(), PlayHouse(self.play)
        return runner.invoke(application, ["wallet", *arguments, "--wallet", str(self.folder)], obj=house, input=said)

    def run(self, *arguments: str, said: str | None = None) -> Result:
        """The result of a command that must succeed; its error is raised as it is."""
        outcome = self.type(*arguments, said=said)
        if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        assert outcome.exit_code == 0, outcome.output
        return outcome

    def json(self, *arguments: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.run(*arguments, "--json").stdout)
        return found

    def accept(self) -> dict[str, object]:
        approval = self.play.approve()
        return self.json("accept", approval.offer.link(), "--tx-code", approval.tx_code.reveal().decode(), "--yes")


@pytest.fixture
def citizen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Citizen:
    """With a wallet that is made and empty."""
    play = Play()
    monkeypatch.setenv("DIPTYCH_WALLET_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("DIPTYCH_LANGUAGE", "en")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(wallet_door, "now", lambda: play.now)
    trust = Contents(play.store.read()).trust()
    (tmp_path / "trust.json").write_bytes(trust.issuers)
    (tmp_path / "verifier-trust.json").write_bytes(trust.verifiers)
    citizen = Citizen(play, tmp_path / "wallet")
    files = ("--trust", str(tmp_path / "trust.json"), "--verifier-trust", str(tmp_path / "verifier-trust.json"))
    assert citizen.json("init", *files, "--without-log") == {"wallet": str(tmp_path / "wallet")}
    return citizen


def test_an_empty_wallet_says_how_to_fill_it(citizen: Citizen) -> None:
    assert "wallet accept" in citizen.run("list").stdout
    assert citizen.json("list") == {"documents": []}


def test_accepting_with_json_prints_one_value_and_nothing_else(citizen: Citizen) -> None:
    received = citizen.accept()
    assert received["refused"] == []
    documents = citizen.json("list")["documents"]
    assert isinstance(documents, list)
    assert {found["document"]: (found["format"], found["copies"]) for found in documents} == {
        "driving-licence": ("mso_mdoc", 10),
        "proof-of-age": ("mso_mdoc", 30),
        "driving-entitlement": ("mso_mdoc", 10),
    }


def test_accepting_asks_before_it_takes(citizen: Citizen) -> None:
    approval = citizen.play.approve()
    arguments = ("accept", approval.offer.link(), "--tx-code", approval.tx_code.reveal().decode())
    refused = citizen.type(*arguments, said="n\n")
    assert isinstance(refused.exception, Refused)
    assert citizen.json("list") == {"documents": []}
    taken = citizen.run(*arguments, said="y\n")
    assert "Driving licence" in taken.stderr
    assert "10 of 10" in taken.stdout


def test_what_a_document_says_is_shown_to_its_owner(citizen: Citizen) -> None:
    citizen.accept()
    shown = citizen.run("show", "driving-licence").stdout
    assert "Mustermann" in shown
    assert "Family name" in shown
    assert "18 or older" in shown
    attributes = citizen.json("show", "driving-licence")["attributes"]
    assert isinstance(attributes, dict)
    assert attributes["org.iso.18013.5.1"]["birth_date"] == "1964-08-12"


def test_names_are_in_the_language_of_the_person(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    citizen.accept()
    monkeypatch.setenv("DIPTYCH_LANGUAGE", "fr_FR.UTF-8")
    assert "Permis de conduire" in citizen.run("list").stdout
    assert "Nom de famille" in citizen.run("show", "driving-licence").stdout


def test_presenting_shows_who_asks_what_for_what_they_learn_and_how_before_it_asks(citizen: Citizen) -> None:
    citizen.accept()
    asked = citizen.play.ask("over_18")
    answered = citizen.run("present", asked.link, said="y\n")
    for shown in ("Café Utopia", "To sell what may only be sold to adults.", "18 or older: yes", "Zero-knowledge"):
        assert shown in unwrapped(answered.stderr)
    assert "anything else about you" in unwrapped(answered.stderr)
    assert "Accepted." in answered.stdout
    assert citizen.play.result(asked).state.value == "accepted"


def test_presenting_with_json_says_what_was_learned(citizen: Citizen) -> None:
    citizen.accept()
    answer = citizen.json("present", citizen.play.ask("over_18").link, "--yes")
    assert answer["query"] == "over_18"
    assert answer["mechanism"] == "longfellow"
    assert answer["verdict"] == "accepted"
    assert answer["learned"] == [
        {
            "document": "proof-of-age",
            "namespace": "eu.europa.ec.av.1",
            "identifier": "age_over_18",
            "value": True,
            "is_kept": False,
        }
    ]
    assert isinstance(answer["prove_ms"], float)
    assert isinstance(answer["bytes"], int)


def test_showing_a_plain_copy_says_that_it_is_recognised_and_how_many_are_left(citizen: Citizen) -> None:
    citizen.accept()
    answered = citizen.run("present", citizen.play.ask("licence_name").link, "--yes")
    assert "recognised by whoever sees" in unwrapped(answered.stderr)
    assert "9 left after this" in answered.stderr
    assert "Given names" in answered.stderr  # among what they do not learn


def test_saying_no_tells_the_verifier_no_and_ends_with_1(citizen: Citizen) -> None:
    citizen.accept()
    asked = citizen.play.ask("over_18")
    declined = citizen.type("present", asked.link, said="n\n")
    assert declined.exit_code == 1
    assert "Declined." in declined.stdout
    verdict = citizen.play.result(asked).verdict
    assert verdict is not None
    assert verdict.check == "wallet.access_denied"


def test_yes_alone_does_not_agree_to_a_recognisable_answer_in_the_place_of_a_proof(
    citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diptych.protocols.openid4vp import zk

    def refuse(*_: object, **__: object) -> None:
        raise Refused("zk.circuit", "none of the proof systems asked for is one that is accepted here")

    citizen.accept()
    monkeypatch.setattr(zk, "choose", refuse)
    refused = citizen.type("present", citizen.play.ask("drive_category_b").link, "--yes")
    assert isinstance(refused.exception, Refused)
    assert refused.exception.check == "wallet.linkable_not_agreed"
    assert "They would take a proof that reveals less" in refused.stderr
    agreed = citizen.json("present", citizen.play.ask("drive_category_b").link, "--yes", "--linkable")
    assert (agreed["mechanism"], agreed["is_fallback"]) == ("mdoc", True)


def test_where_there_is_no_answer_the_person_still_sees_who_asked(citizen: Citizen) -> None:
    citizen.accept()
    refused = citizen.type("present", citizen.play.ask("resident").link, "--yes")
    assert isinstance(refused.exception, Refused)
    assert "Café Utopia" in refused.stderr


def test_what_is_due_is_renewed_by_any_command(citizen: Citizen) -> None:
    citizen.accept()
    citizen.play.later(days=10)
    listed = citizen.run("list")
    assert "Renewed: Proof of age" in listed.stderr
    assert "2026-07-09" in listed.stdout
    assert citizen.json("renew") == {"renewed": [], "failed": []}


def test_renewing_one_document_says_until_when_it_is_good(citizen: Citizen) -> None:
    citizen.accept()
    renewed = citizen.json("renew", "proof-of-age")
    assert renewed == {"renewed": [{"document": "proof-of-age", "valid_until": "2026-06-29T00:00:00Z"}], "failed": []}
    failed = citizen.type("renew", "driving-licence")
    assert failed.exit_code == 1
    assert "wallet.not_renewable" in failed.stdout


def test_the_history_is_shown_and_is_in_json(citizen: Citizen) -> None:
    assert "Nothing has happened yet." in citizen.run("history").stdout
    citizen.accept()
    citizen.run("present", citizen.play.ask("over_18").link, "--yes")
    shown = citizen.run("history").stdout
    assert "answered Café Utopia with longfellow" in shown
    history = citizen.json("history")["history"]
    assert isinstance(history, list)
    assert [entry["event"] for entry in history] == ["presented", "received", "received", "received"]


def test_a_wrong_passphrase_is_refused(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_WALLET_PASSPHRASE", "eight seals in bronze")
    with pytest.raises(Refused, match=r"wallet\.passphrase"):
        citizen.run("list")


def test_without_a_passphrase_and_a_terminal_it_says_what_to_set(
    citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIPTYCH_WALLET_PASSPHRASE")
    with pytest.raises(FormatError, match="DIPTYCH_WALLET_PASSPHRASE"):
        citizen.run("list")


def test_a_short_passphrase_is_refused_before_anything_is_made(
    citizen: Citizen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIPTYCH_WALLET_PASSPHRASE", "short")
    files = ("--trust", str(tmp_path / "trust.json"), "--verifier-trust", str(tmp_path / "verifier-trust.json"))
    citizen.folder = tmp_path / "another"
    with pytest.raises(FormatError, match=r"wallet\.passphrase_short"):
        citizen.run("init", *files, "--without-log")
    assert not citizen.folder.exists()


def test_a_second_wallet_in_the_same_folder_is_a_conflict(citizen: Citizen, tmp_path: Path) -> None:
    files = ("--trust", str(tmp_path / "trust.json"), "--verifier-trust", str(tmp_path / "verifier-trust.json"))
    with pytest.raises(Conflict, match=r"wallet\.exists"):
        citizen.run("init", *files, "--without-log")


def test_the_real_house_makes_and_opens_a_wallet(citizen: Citizen, tmp_path: Path) -> None:
    house, folder, passphrase = House(), tmp_path / "real", Secret(PASSPHRASE.encode())
    house.new_wallet(folder, passphrase, tmp_path / "trust.json", tmp_path / "verifier-trust.json")
    assert house.wallet(folder, passphrase).list(now=citizen.play.now) == ()
    with pytest.raises(FormatError, match=r"wallet\.trust_file"):
        house.new_wallet(tmp_path / "other", passphrase, tmp_path / "absent.json", tmp_path / "verifier-trust.json")
    assert not (tmp_path / "other").exists()


def test_documents_that_are_refused_are_named_and_end_with_1(citizen: Citizen) -> None:
    honest = citizen.play.town.signers.signer_for
    citizen.play.town.signers.signer_for = lambda doc_type: honest("org.iso.18013.5.1.mDL")
    approval = citizen.play.approve()
    arguments = ("accept", approval.offer.link(), "--tx-code", approval.tx_code.reveal().decode(), "--yes")
    outcome = citizen.type(*arguments)
    assert outcome.exit_code == 1
    assert "Not taken: Proof of age" in outcome.stdout
    assert "mdoc.signer_pinned" in outcome.stdout


def test_what_an_issuer_calls_things_cannot_drive_the_terminal() -> None:
    from diptych.cli.wallet_words import called, clean

    assert "\x1b" not in called({"en": "\x1b[2Jlicence"})
    assert "\u202e" not in clean("a\u202eb")
    assert len(clean("x" * 10_000)) < 300
