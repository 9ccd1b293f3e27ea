"""What every memory of a registry promises: in memory, SQLite and PostgreSQL alike."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.storage.registry import open_registry_store
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.reading.states import KeptState
from diptych.roles.registry.fakes import MemoryRegistryStore
from diptych.roles.registry.model import (
    Announcement,
    Delivery,
    Hits,
    Message,
    QueuedAct,
    StoredChange,
    StoredRecord,
    StoredRequest,
)
from diptych.roles.registry.ports import RegistryStore
from tests.registry_world import World

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistryStore]:
    if request.param == "memory":
        yield MemoryRegistryStore()
        return
    location = tmp_path / "registry.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    store = open_registry_store(location)
    yield store
    store.close()


def record(name: bytes = b"record", number: int = 1) -> StoredRecord:
    element = ChainElement(Secret(b"e" * 32))
    return StoredRecord(
        name.ljust(16, b"."), number, bytes([number]) * 32, b"sealed", "driving-licence", b"a" * 16, element, element
    )


def act(name: bytes = b"act", *, label: bytes = b"l" * 32) -> QueuedAct:
    return QueuedAct(name.ljust(16, b"."), None, label, b"entry", b"act", Secret(b"s" * 32), b"sealed", None)


def test_records_are_kept_and_replaced(store: RegistryStore) -> None:
    with store.transaction() as state:
        state.save_record(record())
        state.save_record(replace(record(number=2), next_element=ChainElement(Secret(b"f" * 32), 3)))
    with store.transaction() as state:
        found = state.record(record().record_id)
        assert found == replace(record(number=2), next_element=ChainElement(Secret(b"f" * 32), 3))
        assert state.record(b"x" * 16) is None


def test_what_raises_leaves_nothing(store: RegistryStore) -> None:
    with contextlib.suppress(ZeroDivisionError), store.transaction() as state:
        state.save_record(record())
        state.save_act(act())
        raise ZeroDivisionError
    with store.transaction() as state:
        assert state.record(record().record_id) is None
    assert store.unrecorded(most=10) == ()


def test_a_tag_leads_to_every_record_that_has_it_and_of_its_own_purpose(store: RegistryStore) -> None:
    first, second = b"1" * 16, b"2" * 16
    with store.transaction() as state:
        state.save_tags("a", [b"x" * 16, b"y" * 16], second)
        state.save_tags("a", [b"x" * 16], first)
        state.save_tags("b", [b"z" * 16], first)
    with store.transaction() as state:
        assert list(state.tagged("a", [b"x" * 16, b"y" * 16])) == [first, second]
        assert list(state.tagged("a", [b"z" * 16])) == []
        state.save_tags("a", [b"w" * 16], second)
        assert list(state.tagged("a", [b"y" * 16, b"w" * 16])) == [second]
        state.drop_tags(second)
        assert list(state.tagged("a", [b"w" * 16])) == []


def test_acts_wait_in_their_order_until_they_have_a_receipt(store: RegistryStore) -> None:
    with store.transaction() as state:
        for name in (b"one", b"two", b"three"):
            state.save_act(act(name))
    assert store.unrecorded(most=2) == (act(b"one"), act(b"two"))
    with store.transaction() as state:
        state.save_act(replace(act(b"one"), receipt=b"receipt"))
    assert store.unrecorded(most=9) == (act(b"two"), act(b"three"))
    with store.transaction() as state:
        assert state.act(act(b"one").act_id) == replace(act(b"one"), receipt=b"receipt")


def test_a_delivery_waits_for_its_acts_receipt_and_then_until_it_is_delivered(store: RegistryStore) -> None:
    deliveries = [Delivery(act().act_id, holder, Message.OFFICER, b"certificate") for holder in (0, 1)]
    with store.transaction() as state:
        state.save_act(act())
        for delivery in deliveries:
            state.deliver(delivery)
    assert store.deliveries(most=9) == ()
    with store.transaction() as state:
        state.save_act(replace(act(), receipt=b"receipt"))
    assert list(store.deliveries(most=9)) == deliveries
    with store.transaction() as state:
        state.delivered(deliveries[0])
    assert list(store.deliveries(most=9)) == deliveries[1:]


def test_a_delivery_of_no_act_goes_before_those_of_acts_and_waits_for_nothing(store: RegistryStore) -> None:
    waiting = Delivery(act().act_id, 1, Message.OFFICER, b"certificate")
    revoked = Delivery(b"of no act".ljust(16, b"."), 1, Message.REVOCATION, b"revocation")
    with store.transaction() as state:
        state.save_act(act())
        state.deliver(waiting)
        state.deliver(revoked)
    assert list(store.deliveries(most=9)) == [revoked]
    with store.transaction() as state:
        state.save_act(replace(act(), receipt=b"receipt"))
    assert list(store.deliveries(most=9)) == [revoked, waiting]
    assert list(store.deliveries(most=1)) == [revoked]
    with store.transaction() as state:
        state.delivered(revoked)
    assert list(store.deliveries(most=9)) == [waiting]


def test_a_sealed_act_is_found_by_its_label(store: RegistryStore) -> None:
    with store.transaction() as state:
        state.save_act(act(label=b"m" * 32))
    assert store.sealed_act(b"m" * 32) == b"sealed"
    assert store.sealed_act(b"n" * 32) is None


def test_requests_are_due_on_their_day_until_they_are_disclosed(store: RegistryStore) -> None:
    day = date(2026, 12, 24)
    request = StoredRequest(b"r" * 32, b"i" * 16, b"request", b"a" * 16, LATER, day)
    with store.transaction() as state:
        state.save_request(request)
        assert state.request(b"r" * 32) == request
        assert tuple(state.due_disclosures(day - timedelta(days=1))) == ()
        assert tuple(state.due_disclosures(day)) == (request,)
        state.save_request(replace(request, disclosed_act=b"d" * 16))
        assert tuple(state.due_disclosures(day)) == ()


def test_what_is_past_its_time_is_forgotten_but_what_is_to_be_disclosed(store: RegistryStore) -> None:
    watched = StoredRequest(b"w" * 32, b"i" * 16, b"request", act(b"watched").act_id, NOW, date(2027, 1, 1))
    with store.transaction() as state:
        state.save_act(act(b"over"))
        state.save_act(act(b"watched"))
        state.save_request(StoredRequest(b"r" * 32, b"i" * 16, b"request", act(b"over").act_id, NOW, None))
        state.save_request(watched)
        state.save_hits(b"n" * 16, Hits(b"r" * 32, ((b"i" * 16, b"a" * 16),), NOW))
        state.save_hits(b"m" * 16, Hits(b"r" * 32, ((b"i" * 16, b"a" * 16),), LATER))
    for _ in range(2):
        store.forget_expired(NOW)
    with store.transaction() as state:
        assert state.act(act(b"over").act_id) == replace(act(b"over"), act=None, salt=None)
        assert state.act(act(b"watched").act_id) == act(b"watched")
        assert state.hits(b"n" * 16) is None
        assert state.hits(b"m" * 16) == Hits(b"r" * 32, ((b"i" * 16, b"a" * 16),), LATER)


def test_the_trustee_set_is_kept_as_it_was_signed(store: RegistryStore) -> None:
    world = World()
    with store.transaction() as state:
        assert state.trustee_set() is None
        assert state.signed_trustee_set() is None
        state.save_trustee_set(world.trustee_set, b"signed", b"a" * 16)
    with store.transaction() as state:
        assert state.trustee_set() == world.trustee_set
        assert state.signed_trustee_set() == (b"signed", b"a" * 16)


def test_a_change_is_kept_with_its_keys_and_channels_until_it_ends(store: RegistryStore) -> None:
    with store.transaction() as state:
        assert state.change() is None
        state.save_change(StoredChange(b"c" * 32, b"signed"))
        state.save_channel("identity", b"begun")
        state.save_channel("identity", b"channel")
        state.save_change(StoredChange(b"c" * 32, b"signed", (b"second", b"first")))
    with store.transaction() as state:
        assert state.change() == StoredChange(b"c" * 32, b"signed", (b"second", b"first"))
        assert state.channel("identity") == b"channel"
        assert state.channel("other") is None
        state.end_change()
    with store.transaction() as state:
        assert state.change() is None
        assert state.channel("identity") is None


def test_what_was_announced_is_there_for_those_to_come_once_and_in_order(store: RegistryStore) -> None:
    first, second = (Announcement(bytes([at]) * 16, Message.OFFICER, b"news") for at in (9, 1))
    with store.transaction() as state:
        for one in (first, second, first):
            state.announce(one)
    with store.transaction() as state:
        assert state.announcements() == (first, second)


def test_takers_are_of_one_version(store: RegistryStore) -> None:
    with store.transaction() as state:
        for index in (6, 7, 6):
            state.save_taker(b"i" * 16, b"1" * 32, index)
        state.save_taker(b"o" * 16, b"1" * 32, 6)
        assert set(state.takers(b"i" * 16, b"1" * 32)) == {6, 7}
        state.save_taker(b"i" * 16, b"2" * 32, 7)
    with store.transaction() as state:
        assert set(state.takers(b"i" * 16, b"1" * 32)) == set()
        assert set(state.takers(b"i" * 16, b"2" * 32)) == {7}
        assert set(state.takers(b"o" * 16, b"1" * 32)) == {6}


def test_records_are_read_in_portions_without_those_that_were_erased(store: RegistryStore) -> None:
    ids = [bytes([at]) * 16 for at in (1, 5, 7, 200)]
    with store.transaction() as state:
        for record_id in reversed(ids):
            state.save_record(replace(record(), record_id=record_id, is_erased=record_id == ids[1]))
    assert [one.record_id for one in store.records_after(b"", most=2)] == [ids[0], ids[2]]
    assert [one.record_id for one in store.records_after(ids[2], most=2)] == [ids[3]]
    assert list(store.records_after(ids[3], most=2)) == []


def test_the_state_in_public_is_one_and_stays(store: RegistryStore) -> None:
    with store.transaction() as state:
        assert state.kept_state() == KeptState()
    for kept in (
        KeptState(1, date(2026, 6, 15), is_recorded=False),
        KeptState(2, date(2026, 6, 16), log="log.example", seen=7, is_restored=True),
    ):
        with store.transaction() as state:
            state.keep_state(kept)
        with store.transaction() as state:
            assert state.kept_state() == kept
