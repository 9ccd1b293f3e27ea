"""What every memory of the issuer promises, run on each of them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.errors import Conflict
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.model import AccessGrant, Incident, OrderState, RefreshGrant, StoredOrder
from diptych.roles.issuer.ports import IssuerStore

NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
SOON, LATER = NOW + timedelta(minutes=10), NOW + timedelta(days=2)
MUCH_LATER = NOW + timedelta(days=365)

ORDER = StoredOrder(
    order_id=b"o" * 16,
    digest=b"d" * 32,
    code_hash=b"c" * 32,
    state=OrderState.OFFERED,
    expires_at=LATER,
    sealed_full=b"full" * 1000,
    sealed_renewal=b"renewal" * 1000,
    code_wrap_full=b"wrap full",
    code_wrap_renewal=b"wrap renewal",
)
REDEEMED = replace(ORDER, state=OrderState.REDEEMED, redeemed_by="key", renewable_until=MUCH_LATER)
ACCESS = AccessGrant(
    token_hash=b"a" * 32,
    order_id=ORDER.order_id,
    jkt="key",
    expires_at=SOON,
    refresh_hash=b"r" * 32,
    wrap_full=b"access full",
    wrap_renewal=b"access renewal",
)
REFRESH = RefreshGrant(
    token_hash=b"r" * 32, order_id=ORDER.order_id, jkt="key", predecessor=None, wrap_renewal=b"refresh renewal"
)

Reopen = Callable[[], IssuerStore]


@pytest.fixture(params=["sqlite", "postgresql"])
def reopen_database(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Opens the same database again, as another process does."""
    location = tmp_path / "issuer.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    return lambda: DatabaseIssuerStore(open_database(location, ROLE))


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Opens the same store again, as after a restart."""
    if request.param == "memory":
        store = MemoryIssuerStore()
        return lambda: store
    location = tmp_path / "issuer.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    return lambda: DatabaseIssuerStore(open_database(location, ROLE))


def save(store: IssuerStore, *things: StoredOrder | AccessGrant | RefreshGrant) -> None:
    with store.transaction() as state:
        for thing in things:
            if isinstance(thing, StoredOrder):
                state.save_order(thing)
            elif isinstance(thing, AccessGrant):
                state.save_access_grant(thing)
            else:
                state.save_refresh_grant(thing)


def stored(store: IssuerStore, order_id: bytes = ORDER.order_id) -> StoredOrder | None:
    with store.transaction() as state:
        return state.order(order_id)


@pytest.mark.parametrize("order", [ORDER, REDEEMED, replace(ORDER, tries=4, sealed_full=None, code_wrap_full=None)])
def test_an_order_comes_back_as_it_was_saved(reopen: Reopen, order: StoredOrder) -> None:
    save(reopen(), order)
    with reopen().transaction() as state:
        assert state.order(order.order_id) == order
        assert state.order_by_code(order.code_hash) == order
        assert state.order(b"x" * 16) is None
        assert state.order_by_code(b"x" * 32) is None


def test_saving_an_order_again_replaces_it(reopen: Reopen) -> None:
    save(reopen(), ORDER)
    save(reopen(), REDEEMED)
    assert stored(reopen()) == REDEEMED


def test_two_orders_with_one_code_are_refused(reopen: Reopen) -> None:
    save(reopen(), ORDER)
    with pytest.raises(Conflict, match=r"order\.code"):
        save(reopen(), replace(ORDER, order_id=b"p" * 16))
    assert stored(reopen(), b"p" * 16) is None


def change_and_stumble(store: IssuerStore) -> None:
    with store.transaction() as state:
        state.save_order(REDEEMED)
        state.save_refresh_grant(REFRESH)
        state.use_once(b"v" * 32, expires_at=SOON)
        state.record(Incident(ORDER.order_id, "kind", NOW))
        raise ZeroDivisionError


def test_a_transaction_that_raises_leaves_nothing(reopen: Reopen) -> None:
    save(reopen(), ORDER)
    with pytest.raises(ZeroDivisionError):
        change_and_stumble(reopen())
    assert stored(reopen()) == ORDER
    assert tuple(reopen().incidents()) == ()
    with reopen().transaction() as state:
        assert state.refresh_grant(REFRESH.token_hash) is None
        assert state.use_once(b"v" * 32, expires_at=SOON)


def test_grants_come_back_as_they_were_saved(reopen: Reopen) -> None:
    save(reopen(), REDEEMED, REFRESH, ACCESS)
    with reopen().transaction() as state:
        assert state.access_grant(ACCESS.token_hash) == ACCESS
        assert state.refresh_grant(REFRESH.token_hash) == REFRESH
        assert state.access_grant(REFRESH.token_hash) is None
        assert state.refresh_grant(ACCESS.token_hash) is None


def test_a_renewal_only_grant_has_no_full_wrap(reopen: Reopen) -> None:
    grant = replace(ACCESS, wrap_full=None)
    save(reopen(), REDEEMED, grant)
    with reopen().transaction() as state:
        assert state.access_grant(grant.token_hash) == grant


def test_a_superseded_refresh_token_stays_known_and_opens_nothing(reopen: Reopen) -> None:
    save(reopen(), REDEEMED, REFRESH)
    save(reopen(), replace(REFRESH, wrap_renewal=None))
    with reopen().transaction() as state:
        found = state.refresh_grant(REFRESH.token_hash)
    assert found is not None
    assert found.is_superseded


def test_successors_and_all_refresh_tokens_of_an_order_are_found(reopen: Reopen) -> None:
    second = replace(REFRESH, token_hash=b"s" * 32, predecessor=REFRESH.token_hash)
    third = replace(REFRESH, token_hash=b"t" * 32, predecessor=second.token_hash)
    save(reopen(), REDEEMED, REFRESH, second, third)
    with reopen().transaction() as state:
        assert tuple(state.successors(REFRESH.token_hash)) == (second,)
        assert tuple(state.successors(third.token_hash)) == ()
        assert set(state.refresh_grants(ORDER.order_id)) == {REFRESH, second, third}
        assert tuple(state.refresh_grants(b"p" * 16)) == ()


def test_access_tokens_of_one_refresh_token_are_forgotten_alone(reopen: Reopen) -> None:
    other = replace(ACCESS, token_hash=b"b" * 32, refresh_hash=b"s" * 32)
    save(reopen(), REDEEMED, ACCESS, other)
    with reopen().transaction() as state:
        state.forget_access_of(ACCESS.refresh_hash)
    with reopen().transaction() as state:
        assert state.access_grant(ACCESS.token_hash) is None
        assert state.access_grant(other.token_hash) == other


def test_all_tokens_of_one_order_are_forgotten_alone(reopen: Reopen) -> None:
    other = replace(REDEEMED, order_id=b"p" * 16, code_hash=b"e" * 32)
    kept = replace(REFRESH, token_hash=b"k" * 32, order_id=other.order_id)
    save(reopen(), REDEEMED, other, REFRESH, ACCESS, kept)
    with reopen().transaction() as state:
        state.forget_grants(ORDER.order_id)
    with reopen().transaction() as state:
        assert state.access_grant(ACCESS.token_hash) is None
        assert state.refresh_grant(REFRESH.token_hash) is None
        assert state.refresh_grant(kept.token_hash) == kept


def test_a_value_is_used_once(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        assert state.use_once(b"v" * 32, expires_at=SOON)
        assert not state.use_once(b"v" * 32, expires_at=LATER)
    with reopen().transaction() as state:
        assert not state.use_once(b"v" * 32, expires_at=SOON)
        assert state.use_once(b"w" * 32, expires_at=SOON)


def test_a_value_can_be_used_again_only_after_its_time(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        assert state.use_once(b"v" * 32, expires_at=SOON)
    reopen().forget_expired(SOON - timedelta(seconds=1))
    with reopen().transaction() as state:
        assert not state.use_once(b"v" * 32, expires_at=SOON)
    reopen().forget_expired(SOON)
    with reopen().transaction() as state:
        assert state.use_once(b"v" * 32, expires_at=LATER)


def test_incidents_are_kept_in_order(reopen: Reopen) -> None:
    first, second = Incident(ORDER.order_id, "one", NOW), Incident(b"p" * 16, "two", SOON)
    for incident in (first, second):
        with reopen().transaction() as state:
            state.record(incident)
    assert tuple(reopen().incidents()) == (first, second)


@pytest.mark.parametrize("state", [OrderState.OFFERED, OrderState.VOID])
def test_offered_and_void_orders_go_when_they_expire(reopen: Reopen, state: OrderState) -> None:
    save(reopen(), replace(ORDER, state=state))
    reopen().forget_expired(LATER - timedelta(seconds=1))
    assert stored(reopen()) is not None
    reopen().forget_expired(LATER)
    assert stored(reopen()) is None


def test_a_redeemed_order_loses_its_code_and_full_ciphertext_and_keeps_its_renewal(reopen: Reopen) -> None:
    save(reopen(), REDEEMED, REFRESH, ACCESS)
    reopen().forget_expired(SOON)
    # The access token is gone, and the code may still be redeemed again.
    assert stored(reopen()) == REDEEMED
    reopen().forget_expired(LATER)
    assert stored(reopen()) == replace(REDEEMED, code_wrap_full=None, code_wrap_renewal=None, sealed_full=None)
    with reopen().transaction() as state:
        assert state.access_grant(ACCESS.token_hash) is None
        assert state.refresh_grant(REFRESH.token_hash) == REFRESH


def test_a_closed_orders_full_ciphertext_goes_with_the_last_access_token(reopen: Reopen) -> None:
    closed = replace(REDEEMED, state=OrderState.CLOSED, code_wrap_full=None, code_wrap_renewal=None)
    renewing = replace(ACCESS, token_hash=b"b" * 32, wrap_full=None, expires_at=LATER)
    save(reopen(), closed, ACCESS, renewing)
    reopen().forget_expired(SOON - timedelta(seconds=1))
    assert stored(reopen()) == closed
    reopen().forget_expired(SOON)
    assert stored(reopen()) == replace(closed, sealed_full=None)


def test_an_order_goes_with_all_its_tokens_when_it_is_renewable_no_longer(reopen: Reopen) -> None:
    save(reopen(), REDEEMED, REFRESH)
    reopen().forget_expired(MUCH_LATER)
    assert stored(reopen()) is None
    with reopen().transaction() as state:
        assert state.refresh_grant(REFRESH.token_hash) is None


def test_forgetting_twice_is_forgetting_once(reopen: Reopen) -> None:
    save(reopen(), REDEEMED, REFRESH, ACCESS)
    reopen().forget_expired(LATER)
    once = stored(reopen())
    reopen().forget_expired(LATER)
    assert stored(reopen()) == once
