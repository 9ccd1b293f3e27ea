"""The wallet's commands are killed at every write; typed again, they go on, and no copy is shown twice.

tests/journeys/test_wallet_killed.py does the same between the writes, in one process and with the clock in hand.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diptych.adapters.http.lines import HttpIssuerLine, HttpVerifierLine
from diptych.adapters.provers.prover import DisposableProver
from diptych.adapters.storage.wallet import open_wallet_store
from diptych.private import Secret
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Event, HistoryEntry, Outcome
from diptych.roles.wallet.service import Wallet
from tests.faults import warm
from tests.faults.answering import POLICY
from tests.faults.gate import Gate
from tests.faults.records import is_every_write, numbers, record
from tests.faults.strace import Call
from tests.faults.town import ENVIRONMENT, HELD, PASSPHRASE, Town, attempt, rows, run

MOST = 2
LICENCE = "driving-licence"


@pytest.fixture(scope="module")
def full(town: Town) -> Path:
    """A wallet with everything in it, and an issuer that remembers it."""
    town.issuer.start()
    found, approval = town.new_wallet(), town.approve()
    run(*accepting(found, approval.offer.link(), approval.tx_code))
    town.issuer.stop()
    town.issuer.remember()
    return found


@pytest.fixture
def servers(town: Town, full: Path) -> Town:
    town.issuer.begin_anew()
    town.verifier.begin_anew()
    return town


def accepting(wallet: Path, link: str, tx_code: Secret) -> list[str]:
    return ["wallet", "accept", link, "--tx-code", tx_code.reveal().decode(), "--wallet", str(wallet), "--yes"]


def opened(wallet: Path) -> Wallet:
    store = open_wallet_store(wallet / "wallet.db", Secret(PASSPHRASE.encode()), entropy=os.urandom)
    return Wallet(store, HttpIssuerLine(), HttpVerifierLine(), DisposableProver(), os.urandom)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Typist:
    """Types commands behind a gate."""

    gate: Gate

    def types(self, arguments: list[str], typed: str | None = None) -> subprocess.CompletedProcess[str]:
        """One command, to its end or to its death."""
        return warm.run([*arguments, "--json"], environment=ENVIRONMENT, behind=self.gate.address, typed=typed)

    def writes_of(self, arguments: list[str], typed: str | None = None) -> list[Call]:
        """Every write of a command that nothing happens to."""

        def act() -> None:
            done = self.types(arguments, typed)
            assert done.returncode in (0, 1), done.stderr

        return self.gate.seen_while(act)

    def killed_at(self, number: int, arguments: list[str], typed: str | None = None) -> Call | None:
        """The write with this number, at which the command was killed; None if this time it made fewer."""
        self.gate.kill_at(number)
        done = self.types(arguments, typed)
        point = self.gate.killed()
        assert (done.returncode in (0, 1)) == (point is None), (done.returncode, point)
        return point


@pytest.fixture
def typist(each_write: Gate) -> Typist:
    return Typist(each_write)


def check_of(done: subprocess.CompletedProcess[str]) -> str | None:
    """Why a command failed, if it did."""
    check = json.loads(done.stdout).get("error", {}).get("check")
    assert check is None or isinstance(check, str)
    return check


def no_incident(town: Town) -> None:
    assert rows(town.issuer.database, "SELECT count(*) FROM incidents") == [(0,)]


def is_whole(wallet: Path) -> None:
    assert rows(wallet / "wallet.db", "SELECT count(*) FROM lock") == [(1,)]


@pytest.mark.timeout(3600)
def test_killed_at_any_write_of_accepting_the_wallet_has_everything_once(servers: Town, typist: Typist) -> None:
    town, empty = servers, servers.new_wallet()
    approval = town.approve()
    writes = typist.writes_of(accepting(town.new_wallet(empty), approval.offer.link(), approval.tx_code))
    killed: list[Call] = []
    for number in numbers(writes, MOST):
        wallet, approval = town.new_wallet(empty), town.approve()
        command = accepting(wallet, approval.offer.link(), approval.tx_code)
        point = typist.killed_at(number, command)
        if point is None:
            continue
        killed.append(point)
        assert check_of(attempt(*command)) in (None, "wallet.already_accepted"), point
        citizen = opened(wallet)
        held = {found.document.configuration_id: found.copies for found in citizen.list(now=now())}
        assert held == HELD, point
        assert citizen.renew("proof-of-age", now=now()).failures == (), point
        is_whole(wallet)
    no_incident(town)
    record(
        "wallet",
        "redeems a code and takes documents",
        "kill -9",
        points=killed,
        of=len(writes),
        held="accepted again, all is there, once; no incident",
    )


@pytest.mark.timeout(3600)
def test_killed_at_any_write_of_renewing_the_copies_are_the_old_or_the_new(
    servers: Town, full: Path, typist: Typist
) -> None:
    town = servers
    # Its own grant in each: two copies of one wallet would share a refresh token, which is what an incident is.
    writes = typist.writes_of(["wallet", "renew", "proof-of-age", "--wallet", str(new_full(town))])
    killed: list[Call] = []
    for number in numbers(writes, MOST):
        wallet = new_full(town)
        before = copies_of(wallet)
        point = typist.killed_at(number, ["wallet", "renew", "proof-of-age", "--wallet", str(wallet)])
        if point is None:
            continue
        killed.append(point)
        left = copies_of(wallet)
        assert len(left) == HELD["proof-of-age"], point
        assert left == before or not left & before, point
        run("wallet", "renew", "proof-of-age", "--wallet", str(wallet))
        assert len(copies_of(wallet)) == HELD["proof-of-age"], point
        is_whole(wallet)
    no_incident(town)
    record(
        "wallet",
        "renews a document",
        "kill -9",
        points=killed,
        of=len(writes),
        held="old copies or new ones, never fewer; renewed again; no incident",
    )


def new_full(town: Town) -> Path:
    wallet, approval = town.new_wallet(), town.approve()
    opened(wallet).accept(approval.offer.link(), approval.tx_code, now=now())
    return wallet


def copies_of(wallet: Path) -> set[str]:
    contents = Contents(opened(wallet).store.read())
    return {copy.id for copy in contents.copies(contents.document("proof-of-age").id)}


def spent(wallet: Path) -> int:
    contents = Contents(opened(wallet).store.read())
    return sum(copy.is_spent for copy in contents.copies(contents.document(LICENCE).id))


def last(wallet: Path) -> HistoryEntry:
    return opened(wallet).history()[0]


def presenting(wallet: Path, link: str) -> list[str]:
    return ["wallet", "present", link, "--wallet", str(wallet)]


@pytest.mark.timeout(3600)
def test_killed_at_any_write_of_answering_no_copy_is_shown_twice(servers: Town, full: Path, typist: Typist) -> None:
    town = servers
    asking = town.relying_party()
    writes = typist.writes_of([*presenting(town.new_wallet(full), asking.ask(POLICY).link), "--yes"])
    killed: list[Call] = []
    for number in numbers(writes, MOST):
        wallet, question = town.new_wallet(full), asking.ask(POLICY)
        point = typist.killed_at(number, [*presenting(wallet, question.link), "--yes"])
        if point is None:
            continue
        killed.append(point)
        state = asking.outcome(question.id, question.secret).state
        # A copy is spent before anything leaves: whoever has seen it, it is not shown again.
        assert state in ("asked", "fetched", "accepted"), point
        assert spent(wallet) == 1 or state != "accepted", point
        assert (last(wallet).event is Event.PRESENTED) == (spent(wallet) == 1), point
        left = spent(wallet)
        again = asking.ask(POLICY)
        run(*presenting(wallet, again.link), "--yes")
        assert again.wait(5).accepted, point
        assert spent(wallet) == left + 1, point
        assert (last(wallet).event, last(wallet).outcome) == (Event.PRESENTED, Outcome.DONE), point
        is_whole(wallet)
    record(
        "wallet",
        "shows two attributes",
        "kill -9",
        points=killed,
        of=len(writes),
        held="spent before it leaves; a copy is never shown twice; asked anew, it answers",
    )


@pytest.mark.timeout(3600)
def test_killed_at_a_write_of_proving_it_proves_again(servers: Town, full: Path, typist: Typist) -> None:
    town = servers
    asking = town.relying_party()
    writes = typist.writes_of([*presenting(town.new_wallet(full), asking.ask("over_18").link), "--yes"])
    killed: list[Call] = []
    last_ones = [number for number, call in enumerate(writes, 1) if call.name in ("fdatasync", "sendto")][-4:]
    for number in range(1, len(writes) + 1) if is_every_write() else last_ones:
        wallet, question = town.new_wallet(full), asking.ask("over_18")
        point = typist.killed_at(number, [*presenting(wallet, question.link), "--yes"])
        if point is None:
            continue
        killed.append(point)
        assert asking.outcome(question.id, question.secret).state in ("fetched", "answered", "accepted"), point
        again = asking.ask("over_18")
        run(*presenting(wallet, again.link), "--yes")
        assert again.wait(20).accepted, point
        assert spent(wallet) == 0, point
        is_whole(wallet)
    record(
        "wallet",
        "proves in zero knowledge",
        "kill -9",
        points=killed,
        of=len(writes),
        held="nothing is spent; asked anew, it proves",
    )


@pytest.mark.timeout(3600)
def test_killed_at_any_write_of_declining_nothing_is_told_but_no(servers: Town, full: Path, typist: Typist) -> None:
    town = servers
    asking = town.relying_party()
    writes = typist.writes_of(presenting(town.new_wallet(full), asking.ask(POLICY).link), "n\n")
    killed: list[Call] = []
    for number in numbers(writes, MOST // 2):
        wallet, question = town.new_wallet(full), asking.ask(POLICY)
        point = typist.killed_at(number, presenting(wallet, question.link), "n\n")
        if point is None:
            continue
        killed.append(point)
        outcome = asking.outcome(question.id, question.secret)
        assert outcome.state in ("asked", "fetched", "refused"), point
        assert outcome.check in (None, "wallet.access_denied"), point
        assert last(wallet).event is Event.DECLINED or outcome.state != "refused", point
        assert spent(wallet) == 0, point
        again = asking.ask(POLICY)
        assert attempt(*presenting(wallet, again.link), typed="n\n").returncode == 1
        assert again.wait(5).check == "wallet.access_denied", point
        is_whole(wallet)
    record(
        "wallet",
        "declines",
        "kill -9",
        points=killed,
        of=len(writes),
        held="no or nothing, and never an attribute; asked anew, it declines",
    )


@pytest.mark.timeout(3600)
def test_killed_at_any_write_of_being_made_a_wallet_can_be_made(servers: Town, typist: Typist, tmp_path: Path) -> None:
    town = servers
    trust = [
        *("--trust", str(town.issuer.folder / "trust.json")),
        *("--verifier-trust", str(town.verifier.folder / "verifier-trust.json")),
    ]
    writes = typist.writes_of(["wallet", "init", str(tmp_path / "dry"), *trust, "--without-log"])
    killed: list[Call] = []
    for number in numbers(writes, 0):
        wallet = tmp_path / f"wallet-{number}"
        point = typist.killed_at(number, ["wallet", "init", str(wallet), *trust, "--without-log"])
        if point is None:
            continue
        killed.append(point)
        check = check_of(attempt("wallet", "init", str(wallet), *trust, "--without-log"))
        if check is not None:
            assert check == "wallet.exists", point
            run("wallet", "trust", *trust, "--wallet", str(wallet))
        assert run("wallet", "list", "--wallet", str(wallet)) == {"documents": []}, point
    record(
        "wallet",
        "is made",
        "kill -9",
        points=killed,
        of=len(writes),
        held="made again, or there and told whom to believe",
    )
