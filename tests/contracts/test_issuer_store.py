"""What every memory of the issuer promises, run on each of them; and the databases, what races end in."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.errors import Conflict
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.reading.states import KeptState
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.model import (
    REFRESH_LIFETIME,
    AccessGrant,
    Enrolment,
    Incident,
    KeptBatch,
    OrderState,
    QueuedAct,
    RefreshGrant,
    StoredOrder,
)
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

ACT = QueuedAct(ORDER.order_id, 0, b"entry" * 20, b"sealed act")
BATCH = KeptBatch(ORDER.order_id, b"q" * 32, 0, SOON, b"sealed batch")

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


def test_the_label_chain_of_an_order_is_kept_with_its_counter(reopen: Reopen) -> None:
    chained = replace(ORDER, chain=ChainElement(Secret(b"c" * 32), 7))
    save(reopen(), chained)
    with reopen().transaction() as state:
        assert state.order(ORDER.order_id) == chained


def test_the_acts_of_an_order_are_found_in_their_order_and_each_is_kept_once(reopen: Reopen) -> None:
    second, others = replace(ACT, counter=1), replace(ACT, order_id=b"p" * 16)
    with reopen().transaction() as state:
        for act in (second, ACT, others, replace(second, is_recorded=True)):
            state.save_act(act)
    with reopen().transaction() as state:
        assert tuple(state.acts(ORDER.order_id)) == (ACT, replace(second, is_recorded=True))
        assert tuple(state.acts(b"x" * 16)) == ()


def test_acts_that_wait_are_listed_until_they_are_recorded(reopen: Reopen) -> None:
    acts = [replace(ACT, order_id=bytes([order]) * 16, counter=counter) for order in (2, 1) for counter in (1, 0)]
    with reopen().transaction() as state:
        for act in acts:
            state.save_act(act)
    store = reopen()
    waiting = store.unrecorded_acts(most=3)
    assert [(act.order_id[0], act.counter) for act in waiting] == [(1, 0), (1, 1), (2, 0)]
    with store.transaction() as state:
        for act in waiting:
            state.save_act(replace(act, is_recorded=True))
    assert [(act.order_id[0], act.counter) for act in reopen().unrecorded_acts(most=3)] == [(2, 1)]


def test_a_batch_is_kept_for_its_request_and_goes_at_its_time(reopen: Reopen) -> None:
    later = replace(BATCH, request=b"r" * 32, expires_at=LATER)
    save(reopen(), REDEEMED)
    with reopen().transaction() as state:
        for batch in (replace(BATCH, sealed=b"former"), BATCH, later):
            state.save_batch(batch)
    with reopen().transaction() as state:
        assert state.batch(ORDER.order_id, BATCH.request) == BATCH
        assert state.batch(ORDER.order_id, b"x" * 32) is None
    reopen().forget_expired(SOON)
    with reopen().transaction() as state:
        assert state.batch(ORDER.order_id, BATCH.request) is None
        assert state.batch(ORDER.order_id, later.request) == later
        state.forget_grants(ORDER.order_id)
    with reopen().transaction() as state:
        assert state.batch(ORDER.order_id, later.request) is None


def test_an_order_goes_with_its_acts_and_not_before_they_are_recorded(reopen: Reopen) -> None:
    save(reopen(), REDEEMED)
    with reopen().transaction() as state:
        state.save_act(ACT)
        state.save_batch(BATCH)
    reopen().forget_expired(MUCH_LATER)
    with reopen().transaction() as state:
        assert state.order(ORDER.order_id) is not None
        state.save_act(replace(ACT, is_recorded=True))
    reopen().forget_expired(MUCH_LATER)
    with reopen().transaction() as state:
        assert state.order(ORDER.order_id) is None
        assert tuple(state.acts(ORDER.order_id)) == ()


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


def test_redeemed_orders_are_listed_by_id_a_page_at_a_time(reopen: Reopen) -> None:
    redeemed = [
        replace(REDEEMED, order_id=bytes([number]) * 16, code_hash=bytes([number]) * 32, state=state)
        for number, state in ((9, OrderState.CLOSED), (1, OrderState.REDEEMED), (5, OrderState.CLOSED))
    ]
    void = replace(REDEEMED, order_id=b"v" * 16, code_hash=b"v" * 32, state=OrderState.VOID)
    save(reopen(), ORDER, void, *redeemed)
    store = reopen()
    first = store.redeemed_orders(after=b"", most=2)
    assert [order.order_id[0] for order in first] == [1, 5]
    assert [order.order_id[0] for order in store.redeemed_orders(after=first[-1].order_id, most=2)] == [9]
    assert store.redeemed_orders(after=b"\x09" * 16, most=2) == ()
    assert (first[0].expires_at, first[0].renewable_until) == (LATER, MUCH_LATER)
    assert first[0].redeemed_on == MUCH_LATER - REFRESH_LIFETIME


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


AT_ONCE = 6
Act = Callable[[IssuerStore, int], object]


def race(reopen: Reopen, act: Act) -> Sequence[object]:
    """The outcomes of several that act at once, each on a connection of its own."""
    stores = [reopen() for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as together:
        return list(together.map(act, stores, range(AT_ONCE)))


def think() -> None:
    """Time enough for another to decide the same."""
    time.sleep(0.05)


def test_of_many_who_redeem_one_code_one_does(reopen_database: Reopen) -> None:
    save(reopen_database(), ORDER)

    def redeem(store: IssuerStore, number: int) -> bool:
        with store.transaction() as state:
            order = state.order_by_code(ORDER.code_hash)
            assert order is not None
            if order.state is not OrderState.OFFERED:
                return False
            think()
            state.save_order(replace(REDEEMED, redeemed_by=str(number)))
            return True

    outcomes = race(reopen_database, redeem)
    assert sorted(map(bool, outcomes)) == [False] * (AT_ONCE - 1) + [True]
    assert stored(reopen_database()) == replace(REDEEMED, redeemed_by=str(outcomes.index(True)))


def test_guesses_at_once_are_counted_one_by_one(reopen_database: Reopen) -> None:
    save(reopen_database(), ORDER)

    def guess(store: IssuerStore, number: int) -> None:
        with store.transaction() as state:
            order = state.order_by_code(ORDER.code_hash)
            assert order is not None
            think()
            state.save_order(replace(order, tries=order.tries + 1))

    race(reopen_database, guess)
    assert stored(reopen_database()) == replace(ORDER, tries=AT_ONCE)


def test_of_many_who_use_one_value_one_does(reopen_database: Reopen) -> None:
    def use(store: IssuerStore, number: int) -> bool:
        with store.transaction() as state:
            is_first = state.use_once(b"v" * 32, expires_at=SOON)
            think()
            return is_first

    assert sorted(map(bool, race(reopen_database, use))) == [False] * (AT_ONCE - 1) + [True]


def test_a_value_whose_use_was_undone_is_anothers_to_use(reopen_database: Reopen) -> None:
    def stumble_or_use(store: IssuerStore, number: int) -> bool:
        try:
            with store.transaction() as state:
                is_first = state.use_once(b"v" * 32, expires_at=SOON)
                think()
                if number < AT_ONCE - 1:
                    raise ZeroDivisionError
                return is_first
        except ZeroDivisionError:
            return False

    assert race(reopen_database, stumble_or_use)[-1] is True


def test_of_many_who_exchange_one_refresh_token_one_does(reopen_database: Reopen) -> None:
    save(reopen_database(), REDEEMED, REFRESH)

    def exchange(store: IssuerStore, number: int) -> bool:
        with store.transaction() as state:
            grant = state.refresh_grant(REFRESH.token_hash)
            assert grant is not None
            if grant.is_superseded:
                return False
            think()
            state.save_refresh_grant(replace(grant, wrap_renewal=None))
            state.save_refresh_grant(replace(REFRESH, token_hash=bytes([number]) * 32, predecessor=grant.token_hash))
            return True

    assert sorted(map(bool, race(reopen_database, exchange))) == [False] * (AT_ONCE - 1) + [True]
    with reopen_database().transaction() as state:
        assert len(state.successors(REFRESH.token_hash)) == 1


def test_of_many_who_bring_one_order_the_first_is_new_and_the_others_find_it(reopen_database: Reopen) -> None:
    def bring(store: IssuerStore, number: int) -> bool:
        with store.transaction() as state:
            known = state.order(ORDER.order_id)
            if known is not None:
                assert known == ORDER
                return False
            think()
            state.save_order(ORDER)
            return True

    assert sorted(map(bool, race(reopen_database, bring))) == [False] * (AT_ONCE - 1) + [True]


def test_whoever_has_a_token_waits_for_whoever_is_closing_its_order(reopen_database: Reopen) -> None:
    save(reopen_database(), REDEEMED, REFRESH, ACCESS)
    closer, bearer = reopen_database(), reopen_database()
    is_closing = threading.Event()

    def close() -> None:
        with closer.transaction() as state:
            assert state.order(ORDER.order_id) is not None
            is_closing.set()
            time.sleep(0.2)
            state.forget_grants(ORDER.order_id)

    def bear() -> list[object]:
        is_closing.wait()
        with bearer.transaction() as state:
            return [state.access_grant(ACCESS.token_hash), state.refresh_grant(REFRESH.token_hash)]

    with ThreadPoolExecutor(2) as together:
        closed, found = together.submit(close), together.submit(bear)
        closed.result()
        assert found.result() == [None, None]


def test_sweeps_and_requests_do_not_lock_each_other_out(reopen_database: Reopen) -> None:
    """Requests end tokens while sweeps delete them, from both ends."""
    orders = [replace(REDEEMED, order_id=bytes([i]) * 16, code_hash=bytes([i]) * 32, expires_at=SOON) for i in range(8)]
    save(reopen_database(), *orders)

    def work(store: IssuerStore, number: int) -> int:
        done = 0
        for turn in range(12):
            if number < 2:
                store.forget_expired(SOON)
                continue
            with store.transaction() as state:
                order = state.order(orders[(number * 3 + turn) % len(orders)].order_id)
                assert order is not None
                token = bytes([number, turn]) * 16
                state.use_once(token, expires_at=NOW)
                refresh = replace(REFRESH, token_hash=token, order_id=order.order_id)
                state.save_refresh_grant(refresh)
                access = replace(ACCESS, token_hash=token, order_id=order.order_id, refresh_hash=token, expires_at=NOW)
                state.save_access_grant(access)
            with store.transaction() as state:
                state.refresh_grant(token)
                state.forget_access_of(token)
                state.use_once(token, expires_at=NOW)
                done += 1
        return done

    assert race(reopen_database, work) == [0, 0] + [12] * (AT_ONCE - 2)


ENROLMENT = Enrolment(ORDER.order_id, "proof-of-age", b"C" * 48, b"\x01" * 32, LATER)


def test_enrolments_come_back_as_they_were_saved_and_saving_again_replaces_them(reopen: Reopen) -> None:
    other = replace(ENROLMENT, type_id="driving-licence", revocation_id=b"\x02" * 32)
    with reopen().transaction() as state:
        state.save_enrolment(ENROLMENT)
        state.save_enrolment(other)
    with reopen().transaction() as state:
        assert tuple(state.enrolments(ORDER.order_id)) == (other, ENROLMENT)
        assert tuple(state.enrolments(b"x" * 16)) == ()
        state.save_enrolment(replace(other, is_revoked=True))
    with reopen().transaction() as state:
        assert state.enrolments(ORDER.order_id)[0].is_revoked


def test_ids_that_stand_are_found_in_order_and_page_by_page(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        for number in range(1, 8):
            state.save_enrolment(
                replace(
                    ENROLMENT,
                    order_id=bytes([number]) * 16,
                    revocation_id=bytes([number]) * 32,
                    is_revoked=number == 3,
                    valid_until=SOON if number == 5 else LATER,
                )
            )
    store = reopen()
    assert [one[0] for one in store.standing_ids(NOW, after=b"", most=3)] == [1, 2, 4]
    assert [one[0] for one in store.standing_ids(NOW, after=b"\x04" * 32, most=3)] == [5, 6, 7]
    assert [one[0] for one in store.standing_ids(SOON, after=b"\x04" * 32, most=3)] == [6, 7]
    assert tuple(store.standing_ids(NOW, after=b"\x07" * 32, most=3)) == ()


def test_enrolments_outlive_their_order_and_end_with_their_credential(reopen: Reopen) -> None:
    save(reopen(), ORDER)
    with reopen().transaction() as state:
        state.save_enrolment(replace(ENROLMENT, valid_until=MUCH_LATER))
        state.save_enrolment(replace(ENROLMENT, type_id="driving-licence", revocation_id=b"\x02" * 32))
    reopen().forget_expired(LATER)
    assert stored(reopen()) is None
    with reopen().transaction() as state:
        assert [one.type_id for one in state.enrolments(ORDER.order_id)] == ["proof-of-age"]


def test_the_state_in_public_is_one_and_stays(reopen: Reopen) -> None:
    with reopen().transaction() as state:
        assert state.kept_state() == KeptState()
    for kept in (
        KeptState(1, date(2026, 6, 15), is_recorded=False),
        KeptState(2, date(2026, 6, 16), log="log.example", seen=7, is_restored=True),
    ):
        with reopen().transaction() as state:
            state.keep_state(kept)
        with reopen().transaction() as state:
            assert state.kept_state() == kept
