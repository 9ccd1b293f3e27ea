"""The contract of the status book: indices given once, standings kept, versions replaced whole, on each store."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.storage.coming_back import STATUS_LISTS_APART, make_void
from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.order.standing import Standing
from diptych.formats.status_list.lists import Status
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.ports import IssuerStore
from diptych.roles.issuer.status_model import LIST_SIZE, OrderStanding, PublishedList, StatusEntry, ToldStanding
from tests.contracts.test_issuer_store import NOW, ORDER
from tests.issuing import TinyWallet, Town

LATER = NOW + timedelta(days=90)
VERSION = PublishedList(b"cwt", b"jwt", NOW)
SAID = OrderStanding(ORDER.order_id, Standing.SUSPENDED, "lost", NOW, b"d" * 32, counter=2)

Reopen = Callable[[], IssuerStore]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Opens the same store again, as after a restart."""
    if request.param == "memory":
        store = MemoryIssuerStore()
        return lambda: store
    location = tmp_path / "issuer.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    return lambda: DatabaseIssuerStore(open_database(location, ROLE))


def entry(index: int, order_id: bytes = ORDER.order_id, number: int = 1) -> StatusEntry:
    return StatusEntry(number, index, order_id, LATER)


def test_a_version_takes_the_place_of_the_one_before(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        state.status.hold()
        assert state.status.published(1) is None
        state.status.publish(1, VERSION)
        state.status.publish(2, VERSION)
        state.status.publish(1, replace(VERSION, cwt=b"newer", issued_at=LATER))
    with reopen().transaction() as state:
        assert state.status.numbers() == (1, 2)
        assert state.status.published(1) == PublishedList(b"newer", b"jwt", LATER)


def test_an_index_is_given_once_even_after_its_copy_expired(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        state.status.publish(1, VERSION)
        state.status.publish(2, VERSION)
        assert state.status.assign(entry(7))
        assert not state.status.assign(entry(7, b"p" * 16))
        assert state.status.assign(entry(7, number=2))
        assert state.status.is_listed(ORDER.order_id)
    reopen().forget_expired(LATER)
    with reopen().transaction() as state:
        assert not state.status.is_listed(ORDER.order_id)
        assert not state.status.assign(entry(7, b"p" * 16, number=2))
        assert state.status.assigned(2) == 1


def test_what_belongs_to_one_order_flips_together_and_nothing_else(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        state.status.publish(1, VERSION)
        for index, order_id in ((3, ORDER.order_id), (9, ORDER.order_id), (4, b"p" * 16)):
            assert state.status.assign(entry(index, order_id))
        state.status.flip(ORDER.order_id, Status.SUSPENDED)
    with reopen().transaction() as state:
        assert dict(state.status.flipped(1)) == {3: Status.SUSPENDED, 9: Status.SUSPENDED}
        state.status.flip(ORDER.order_id, Status.VALID)
        state.status.flip(b"p" * 16, Status.INVALID)
        assert dict(state.status.flipped(1)) == {4: Status.INVALID}
        (count,) = state.status.counts()
    assert (count.size, count.assigned, count.suspended, count.revoked) == (LIST_SIZE, 3, 0, 1)


def test_an_expired_copy_says_what_it_said(reopen: Reopen) -> None:
    """Nobody is told that a document stands again because it expired."""
    with reopen().transaction() as state:
        state.status.publish(1, VERSION)
        assert state.status.assign(entry(3))
        state.status.flip(ORDER.order_id, Status.INVALID)
    reopen().forget_expired(LATER)
    with reopen().transaction() as state:
        assert dict(state.status.flipped(1)) == {3: Status.INVALID}


def test_a_standing_comes_back_and_waits_until_it_is_in_force(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        assert state.status.standing(ORDER.order_id) is None
        state.status.save_standing(SAID)
    with reopen().transaction() as state:
        assert state.status.standing(ORDER.order_id) == SAID
        assert tuple(state.status.waiting()) == (SAID,)
        state.status.save_standing(replace(SAID, is_in_force=True))
    with reopen().transaction() as state:
        assert tuple(state.status.waiting()) == ()
        assert state.status.standing(ORDER.order_id) == replace(SAID, is_in_force=True)


def test_a_standing_stays_as_long_as_its_order_or_a_copy_of_it(reopen: Reopen) -> None:
    others = replace(SAID, order_id=b"p" * 16, is_in_force=True)
    with reopen().transaction() as state:
        state.status.publish(1, VERSION)
        state.save_order(ORDER)
        state.status.save_standing(replace(SAID, is_in_force=True))
        state.status.save_standing(others)
        assert state.status.assign(entry(3, others.order_id))
        state.status.save_standing(replace(SAID, order_id=b"q" * 16))  # not in force: what is to come is not forgotten
    reopen().forget_expired(NOW)
    with reopen().transaction() as state:
        for order_id in (ORDER.order_id, b"p" * 16, b"q" * 16):
            assert state.status.standing(order_id) is not None
    reopen().forget_expired(LATER)
    with reopen().transaction() as state:
        assert state.status.standing(ORDER.order_id) is None
        assert state.status.standing(b"p" * 16) is None
        assert state.status.standing(b"q" * 16) is not None


def test_a_list_goes_once_all_its_copies_have_expired_and_never_the_last(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        for number in (1, 2):
            state.status.publish(number, VERSION)
        assert state.status.assign(entry(3))
    reopen().forget_expired(NOW)
    with reopen().transaction() as state:
        assert state.status.numbers() == (1, 2)
    reopen().forget_expired(LATER)
    with reopen().transaction() as state:
        assert state.status.numbers() == (2,)
        assert state.status.published(1) is None


def test_what_fails_leaves_nothing_behind(reopen: Reopen) -> None:
    def stumble() -> None:
        with reopen().transaction() as state:
            state.status.publish(1, VERSION)
            state.status.assign(entry(3))
            state.status.save_standing(SAID)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    with reopen().transaction() as state:
        assert state.status.numbers() == ()
        assert state.status.standing(ORDER.order_id) is None
        assert not state.status.is_listed(ORDER.order_id)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_after_an_old_database_came_back_no_index_is_given_twice(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """Indices that were given since the backup are forgotten: none is given in those lists any more."""
    location = tmp_path / "issuer.sqlite" if database == "sqlite" else request.getfixturevalue("postgresql")
    town = Town(store=DatabaseIssuerStore(open_database(location, ROLE)))
    town.issuer.publish_status_lists(now=town.now)
    wallet = TinyWallet(town)
    wallet.obtain(wallet.redeem(*town.order()))
    for _ in range(2):
        make_void(location, keep_renewals=False, now=town.now)
    town.issuer.publish_status_lists(now=town.now)
    with town.store.transaction() as state:
        assert state.status.numbers() == (1, 1 + STATUS_LISTS_APART)
    issued = wallet.obtain(wallet.redeem(*town.order()))
    (claim,) = {mso.parse(payload(credential)).status.reference.uri for credential in issued.credentials}
    assert claim == f"{town.url}/status-lists/{1 + STATUS_LISTS_APART}"


def payload(credential: bytes) -> bytes:
    found = parse_issuer_signed(credential).issuer_auth.unverified_payload
    assert found is not None
    return found


def test_what_is_told_is_kept_by_its_question_until_its_time_is_over(reopen: Reopen) -> None:
    asked, other = b"q" * 32, b"r" * 32
    with reopen().transaction() as state:
        assert state.status.told(asked) is None
        state.status.keep_told(ToldStanding(asked, b"first", LATER))
        state.status.keep_told(ToldStanding(asked, b"sealed", LATER))
        state.status.keep_told(ToldStanding(other, b"another", LATER + timedelta(days=1)))
    with reopen().transaction() as state:
        assert (state.status.told(asked), state.status.told(other)) == (b"sealed", b"another")
    reopen().forget_expired(LATER)
    with reopen().transaction() as state:
        assert (state.status.told(asked), state.status.told(other)) == (None, b"another")
