"""The officer's command is killed at every write of an approval; approving the same file again brings one offer."""

import json
from pathlib import Path

import pytest

from diptych.protocols.openid4vci.offer import parse_offer
from tests.faults import strace
from tests.faults.records import chosen, record
from tests.faults.town import ENVIRONMENT, Town, attempt, rows, run
from tests.issuer_process import HttpWallet

CALLS = strace.WRITES + ",write"
APPROVE = ("officer", "approve")


@pytest.fixture(scope="module")
def with_issuer(town: Town) -> Town:
    town.issuer.start()
    return town


def approve(town: Town, order_file: Path) -> tuple[str, ...]:
    return (*APPROVE, str(order_file), "--officer", str(town.folder / "officer"))


def new_order(town: Town, name: str) -> Path:
    """The same order under another name is the same approval: a remark makes it another."""
    found = town.folder / f"{name}.toml"
    found.write_text(f"# {name}\n{town.order_file.read_text(encoding='utf-8')}", encoding="utf-8")
    return found


@pytest.mark.timeout(1800)
def test_killed_at_any_write_an_approval_is_repeated_as_one_order(with_issuer: Town, tmp_path: Path) -> None:
    town, log = with_issuer, tmp_path / "trace"
    dry = strace.run([*approve(town, new_order(town, "dry")), "--json"], log, calls=CALLS, environment=ENVIRONMENT)
    assert dry.returncode == 0, dry.stderr
    moments = strace.moments(strace.calls_in(log))
    killed: list[strace.Call] = []
    for number, moment in enumerate(chosen(moments, 40, kind=strace.kind_of_moment)):
        order_file, before = new_order(town, f"order-{number}"), orders(town)
        done = strace.run(
            [*approve(town, order_file), "--json"],
            log,
            calls=CALLS,
            options=strace.killing(moment),
            environment=ENVIRONMENT,
        )
        point = strace.killed_at(log)
        assert point is not None, (moment, done.stdout, done.stderr)
        killed.append(point)
        again = run(*approve(town, order_file))
        # Once the attempt is forgotten the order is placed; nobody saw its codes, and it expires unopened.
        was_placed = moment == moments[-1]
        assert orders(town) == before + 1 + was_placed, point
        assert list((town.folder / "officer" / "attempts").iterdir()) == [], point
        redeem(town, str(again["offer"]), str(again["tx_code"]))
    assert json.loads(attempt("issuer", "incidents", str(town.issuer.folder)).stdout) == []
    record(
        "officer",
        "approves an order",
        "kill -9",
        points=killed,
        of=len(moments),
        held="approved again, it is the same order, redeemed once",
    )


def orders(town: Town) -> int:
    ((count,),) = rows(town.issuer.database, "SELECT count(*) FROM orders")
    assert isinstance(count, int)
    return count


def redeem(town: Town, link: str, tx_code: str) -> None:
    from diptych.private import Secret
    from diptych.roles.officer.model import Approval

    offer = parse_offer(link)
    wallet = HttpWallet(town.issuer.url)
    approval = Approval(b"", offer, Secret(tx_code.encode()), offer.configuration_ids, (), None)  # type: ignore[arg-type]
    wallet.obtain(wallet.redeem(approval), "proof-of-age")
