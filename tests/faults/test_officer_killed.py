"""The officer's command is killed at every write of an approval; approving the same file again brings one offer."""

import json
from pathlib import Path

import pytest

from diptych.protocols.openid4vci.offer import parse_offer
from tests.faults import warm
from tests.faults.gate import Gate
from tests.faults.records import numbers, record
from tests.faults.strace import Call
from tests.faults.town import ENVIRONMENT, Town, attempt, rows, run
from tests.issuer_process import HttpWallet

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
def test_killed_at_any_write_an_approval_is_repeated_as_one_order(with_issuer: Town, each_write: Gate) -> None:
    town = with_issuer
    first = [*approve(town, new_order(town, "first")), "--json"]
    writes = each_write.seen_while(lambda: warm.run(first, environment=ENVIRONMENT, behind=each_write.address))
    killed: list[Call] = []
    for number in numbers(writes, 40):
        order_file, before = new_order(town, f"order-{number}"), orders(town)
        each_write.kill_at(number)
        done = warm.run([*approve(town, order_file), "--json"], environment=ENVIRONMENT, behind=each_write.address)
        point = each_write.killed()
        assert point is not None, (number, done.stdout, done.stderr)
        killed.append(point)
        again = run(*approve(town, order_file))
        # Once the attempt is forgotten the order is placed; nobody saw its codes, and it expires unopened.
        was_placed = point.name == "write" and number == len(writes)
        assert orders(town) == before + 1 + was_placed, point
        assert list((town.folder / "officer" / "attempts").iterdir()) == [], point
        redeem(town, str(again["offer"]), str(again["tx_code"]))
    assert json.loads(attempt("issuer", "incidents", str(town.issuer.folder)).stdout) == []
    record(
        "officer",
        "approves an order",
        "kill -9",
        points=killed,
        of=len(writes),
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
