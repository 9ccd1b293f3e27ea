"""After a loss: which orders are to be approved again, and a list of them that survives a kill."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters import approval_list
from diptych.adapters.approval_list import write_approval_list
from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.errors import Unavailable
from diptych.roles.issuer import emergency as emergencies
from diptych.roles.issuer.emergency import to_approve_again
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.keyring import Emergency
from diptych.roles.issuer.model import REFRESH_LIFETIME, OrderState, StoredOrder
from diptych.roles.issuer.ports import IssuerStore
from tests.killed import killed_before_each_change

LOST_AT = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
DAY = datetime(2026, 6, 15, tzinfo=UTC)
EMERGENCY = Emergency(LOST_AT, ("driving-licence",), DAY - timedelta(days=200), documents_live_days=90)


def order(number: int, *, redeemed_days_ago: int = 1, offer_days: int = 2) -> StoredOrder:
    redeemed = DAY - timedelta(days=redeemed_days_ago)
    return StoredOrder(
        order_id=number.to_bytes(16, "big"),
        digest=bytes(32),
        code_hash=number.to_bytes(32, "big"),
        state=OrderState.CLOSED,
        expires_at=redeemed + timedelta(days=offer_days),
        sealed_full=None,
        sealed_renewal=b"sealed",
        code_wrap_full=None,
        code_wrap_renewal=None,
        redeemed_by="key",
        renewable_until=redeemed + REFRESH_LIFETIME,
    )


def filled(store: IssuerStore, *orders: StoredOrder) -> IssuerStore:
    with store.transaction() as state:
        for one in orders:
            state.save_order(one)
    return store


def listed(emergency: Emergency, *orders: StoredOrder) -> list[int]:
    store = filled(MemoryIssuerStore(), *orders)
    return [int.from_bytes(found, "big") for page in to_approve_again(store, emergency) for found in page.to_approve]


def test_only_orders_whose_documents_the_lost_signer_may_have_signed_and_that_still_live_are_listed() -> None:
    orders = {
        "yesterday": order(1),
        "its documents have expired": order(2, redeemed_days_ago=93),
        "they live one day more": order(3, redeemed_days_ago=91),
        "redeemed after the loss": order(4, redeemed_days_ago=-1),
        "before the signer signed": order(5, redeemed_days_ago=203),
        "never redeemed": replace(order(6), state=OrderState.OFFERED, renewable_until=None),
        "void": replace(order(7), state=OrderState.VOID),
        "redeemed and not used": replace(order(8), state=OrderState.REDEEMED),
    }
    assert listed(EMERGENCY, *orders.values()) == [1, 3, 8]


def test_a_signer_that_began_yesterday_signed_nothing_before() -> None:
    began = replace(EMERGENCY, signed_since=DAY - timedelta(days=1))
    assert listed(began, order(1), order(2, redeemed_days_ago=4)) == [1]
    # An offer that stood until yesterday may have been answered again yesterday.
    assert listed(began, order(3, redeemed_days_ago=20, offer_days=19)) == [3]


def test_what_a_refresh_renews_needs_nobodys_approval() -> None:
    assert listed(replace(EMERGENCY, documents_live_days=0), order(1)) == []


def test_the_list_holds_order_numbers_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emergencies, "PAGE", 3)
    store = filled(MemoryIssuerStore(), *(order(number << 96) for number in range(1, 11)))
    told: list[tuple[float, int]] = []
    found = write_approval_list(tmp_path, store, EMERGENCY, lambda share, count: told.append((share, count)))
    head, *lines = found.path.read_text().splitlines()
    assert head.startswith("# orders to be approved again: keys lost 2026-06-15, types driving-licence,")
    assert lines == [(number << 96).to_bytes(16, "big").hex() for number in range(1, 11)]
    assert found.count == 10
    assert [count for _, count in told] == [3, 6, 9, 10]
    assert told == sorted(told)
    assert found.path.stat().st_mode & 0o077 == 0


def test_a_list_that_is_killed_at_any_write_is_finished_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergencies, "PAGE", 3)
    location = tmp_path / "issuer.sqlite"
    filled(DatabaseIssuerStore(open_database(location, ROLE)), *(order(number) for number in range(1, 11)))
    folder = tmp_path / "issuer"

    def prepare() -> None:
        if (folder / approval_list.FOLDER).exists():
            for path in (folder / approval_list.FOLDER).iterdir():
                path.unlink()
            (folder / approval_list.FOLDER).rmdir()
        folder.mkdir(exist_ok=True)

    def act() -> int:
        store = DatabaseIssuerStore(open_database(location, ROLE))
        return write_approval_list(folder, store, EMERGENCY, lambda share, count: None).count

    lengths = set()
    for _ in killed_before_each_change(prepare, act):
        paths = list(folder.rglob("*.txt"))
        lengths.add(len(paths[0].read_bytes().splitlines()) if paths else 0)
        assert act() == 10
        assert len(set(folder.rglob("*.txt").__next__().read_text().splitlines())) == 11
    assert len(lengths) > 3


def test_half_a_line_and_the_list_of_another_emergency_are_not_taken_for_this_one(tmp_path: Path) -> None:
    store = filled(MemoryIssuerStore(), *(order(number) for number in range(1, 5)))
    whole = write_approval_list(tmp_path, store, EMERGENCY, lambda share, count: None).path.read_bytes()
    path = next(tmp_path.rglob("*.txt"))
    for left in (whole[:-5], whole[:-33], whole[:40], b"", whole.replace(b"driving", b"sailing")):
        path.write_bytes(left)
        assert write_approval_list(tmp_path, store, EMERGENCY, lambda share, count: None).count == 4
        assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / approval_list.FOLDER).write_text("in the way")
    with pytest.raises(Unavailable, match=r"issuer\.approval_list"):
        write_approval_list(tmp_path, MemoryIssuerStore(), EMERGENCY, lambda share, count: None)
