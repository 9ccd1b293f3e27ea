"""What every memory of a trustee promises: in memory, SQLite and PostgreSQL alike."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.month_keys import MonthKeyFolder
from diptych.adapters.storage.trustee import open_trustee_store
from diptych.crypto.lookup_prf import KeyShare
from diptych.errors import Refused
from diptych.formats.mandate.officer import OfficerRevocation
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.private import Personal, Secret
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.protocols.opening.decision import Deferral
from diptych.protocols.opening.holding import Counted, KeptAnswer, Review, Reviewed
from diptych.roles.trustee.fakes import MemoryMonthKeys, MemoryTrusteeStore
from diptych.roles.trustee.model import (
    Consent,
    SealedSecrets,
    StoredCeremony,
    StoredChange,
    StoredDeposit,
    StoredPrekey,
    StoredRecord,
    StoredVersion,
)
from diptych.roles.trustee.ports import MonthKeys, TrusteeStore
from tests.formats.tlog_specimen import checkpoint_of, cosigned
from tests.registry_world import World

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TrusteeStore]:
    if request.param == "memory":
        yield MemoryTrusteeStore()
        return
    location = tmp_path / "trustee.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")
    store = open_trustee_store(location)
    yield store
    store.close()


@pytest.fixture(params=["memory", "folder"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> MonthKeys:
    return MemoryMonthKeys() if request.param == "memory" else MonthKeyFolder(tmp_path, os.urandom)


def version(number: int = 1, name: bytes = b"record") -> StoredVersion:
    predecessor = None if number == 1 else bytes([number - 1]) * 32
    return StoredVersion(
        RecordVersion(name.ljust(16, b"."), number, predecessor, bytes([number]) * 32),
        "identity-15y",
        1,
        3,
        b"h" * 32,
        SealedSecrets("identity-15y.2026-11", b"sealed"),
    )


def deposit(number: int = 1, *, digest: bytes = b"d" * 32) -> StoredDeposit:
    return StoredDeposit(version(number), digest, b"acknowledged", LATER)


def test_what_a_transaction_kept_the_next_one_finds(store: TrusteeStore) -> None:
    with store.transaction() as state:
        state.save_deposit(deposit())
        state.save_record(StoredRecord(version(1, b"other")))
    with store.transaction() as state:
        assert state.deposit(version().version.record_id, bytes([1]) * 32) == deposit()
        assert state.acknowledgement(b"d" * 32) == b"acknowledged"
        assert state.record(version(1, b"other").version.record_id) == StoredRecord(version(1, b"other"))
        assert state.record(version().version.record_id) is None


def test_what_raises_leaves_nothing(store: TrusteeStore) -> None:
    with contextlib.suppress(ZeroDivisionError), store.transaction() as state:
        state.save_deposit(deposit())
        raise ZeroDivisionError
    with store.transaction() as state:
        assert state.deposit(version().version.record_id, bytes([1]) * 32) is None


def test_a_later_version_takes_the_place_of_the_earlier_one(store: TrusteeStore) -> None:
    with store.transaction() as state:
        state.save_record(StoredRecord(version(1)))
        state.save_record(StoredRecord(version(2)))
        state.save_record(StoredRecord(version(2), is_erased=True))
    with store.transaction() as state:
        assert state.record(version().version.record_id) == StoredRecord(version(2), is_erased=True)


def test_a_prekey_is_found_by_id_and_by_request_until_it_is_dropped(store: TrusteeStore) -> None:
    prekey = StoredPrekey(b"p" * 16, b"o" * 32, b"r" * 32, LATER, Secret(b"seeds"), b"answer")
    with store.transaction() as state:
        state.save_prekey(prekey)
        assert state.prekey(b"p" * 16) == state.prekey_for(b"r" * 32) == prekey
        state.drop_prekey(b"p" * 16)
        assert state.prekey(b"p" * 16) is None


def test_counts_are_by_day_and_by_whom(store: TrusteeStore) -> None:
    mine, all_of_us = Counted("opening", b"o" * 32, NOW.date()), Counted("opening", None, NOW.date())
    with store.transaction() as state:
        for counted in (mine, all_of_us, all_of_us):
            state.count_one(counted)
    with store.transaction() as state:
        assert (state.count(mine), state.count(all_of_us)) == (1, 2)
        assert state.count(Counted("opening", None, date(2026, 11, 29))) == 0
        assert state.count(Counted("lookup x", None, NOW.date())) == 0


def test_answers_nonces_and_deletions_are_given_again(store: TrusteeStore) -> None:
    answer = KeptAnswer(b"r" * 32, b"answer", LATER)
    with store.transaction() as state:
        state.save_answer(answer)
        state.save_nonce(b"n" * 16, answer)
        state.save_deletion(b"o" * 32, b"i" * 16, b"statement")
    with store.transaction() as state:
        assert state.answer(b"r" * 32) == state.nonce(b"n" * 16) == answer
        assert state.deletion(b"o" * 32) == b"statement"
        assert state.answer(b"x" * 32) is None


def test_the_oldest_deferral_is_the_one_that_counts(store: TrusteeStore) -> None:
    first, second = (Deferral(bytes([i]) * 32, b"i" * 16, b"e" * 32, date(2026, 12, i)) for i in (1, 2))
    with store.transaction() as state:
        assert state.oldest_deferral() is None
        state.save_deferral(second)
        state.save_deferral(first)
        assert state.oldest_deferral() == date(2026, 12, 1)
        state.drop_deferral(first.request)
        assert (state.oldest_deferral(), state.deferral(second.request)) == (date(2026, 12, 2), second)


def test_a_review_waits_until_it_is_decided(store: TrusteeStore) -> None:
    review = Reviewed(b"r" * 32, Review.PENDING, b"o" * 32, b"i" * 16, "judicial", "why", Personal("2026-1"), LATER)
    with store.transaction() as state:
        state.save_review(review)
    assert store.reviews() == (review,)
    with store.transaction() as state:
        found = state.review(b"r" * 32)
        assert found == review
        state.save_review(Reviewed(**{**vars(review), "review": Review.APPROVED}))
    assert store.reviews() == ()


def test_a_ceremonys_secrets_end_with_it(store: TrusteeStore) -> None:
    ceremony = StoredCeremony(b"c" * 32, Secret(b"seed"), Secret(b"recipient"), b"channel", b"said")
    with store.transaction() as state:
        state.save_ceremony(ceremony)
        assert state.ceremony(b"c" * 32) == ceremony
        state.end_ceremony(b"c" * 32, b"all said")
    with store.transaction() as state:
        assert state.ceremony(b"c" * 32) is None
        assert state.ended_ceremony(b"c" * 32) == b"all said"


def test_shares_of_earlier_generations_can_be_dropped(store: TrusteeStore) -> None:
    shares = [KeyShare("civil-status", generation, 3, Secret(bytes(31) + b"\x07")) for generation in (0, 1)]
    with store.transaction() as state:
        for share in shares:
            state.save_share(share)
        assert [share.generation for share in state.shares("civil-status")] == [1, 0]
        state.drop_shares("civil-status", before=1)
        assert list(state.shares("civil-status")) == shares[1:]
        assert list(state.shares("other")) == []


def test_who_may_act_is_kept(store: TrusteeStore) -> None:
    world = World()
    kept = KeptCheckpoint(cosigned(checkpoint_of([b"a"])), NOW)
    revocation = OfficerRevocation(b"a" * 32, b"o" * 32, NOW)
    with store.transaction() as state:
        assert (state.kept_checkpoint(), state.attestation(), state.trustee_set()) == (None, None, None)
        state.keep_checkpoint(kept)
        state.save_officer(world.officer)
        state.save_revocation(revocation)
        state.save_revocation(OfficerRevocation(b"a" * 32, b"o" * 32, LATER))
        state.save_attestation(world.attestation())
        state.save_trustee_set(world.trustee_set)
    with store.transaction() as state:
        assert state.kept_checkpoint() == kept
        assert state.officer(world.officer.certificate.officer) == world.officer
        assert state.revocation(b"o" * 32) == revocation
        assert state.attestation() == world.attestation()
        assert state.trustee_set() == world.trustee_set
        state.save_trustee_set(replace(world.trustee_set, epoch=9))
    with store.transaction() as state:
        assert state.trustee_set() == replace(world.trustee_set, epoch=9)


def test_what_is_past_its_time_is_forgotten_and_nothing_else(store: TrusteeStore) -> None:
    old = Counted("opening", None, NOW.date() - timedelta(days=30))
    with store.transaction() as state:
        state.save_prekey(StoredPrekey(b"p" * 16, b"o" * 32, b"r" * 32, NOW, Secret(b"seeds"), b"answer"))
        state.save_deposit(StoredDeposit(version(), b"d" * 32, b"acknowledged", NOW))
        state.save_record(StoredRecord(version(1, b"other")))
        state.save_answer(KeptAnswer(b"r" * 32, b"answer", NOW))
        state.save_answer(KeptAnswer(b"s" * 32, b"answer", LATER))
        state.count_one(old)
    for _ in range(2):
        store.forget_expired(NOW)
    with store.transaction() as state:
        assert state.prekey(b"p" * 16) is None
        assert state.deposit(version().version.record_id, bytes([1]) * 32) is None
        assert state.acknowledgement(b"d" * 32) is None
        assert state.record(version(1, b"other").version.record_id) is not None
        assert state.answer(b"r" * 32) is None
        assert state.answer(b"s" * 32) is not None
        assert state.count(old) == 0


def test_a_months_key_is_the_same_until_it_is_destroyed_and_never_made_again(keys: MonthKeys) -> None:
    made = keys.current("identity-15y", NOW.date())
    assert keys.current("identity-15y", NOW.date()) == keys.find(made.period) == made
    assert keys.current("identity-15y", date(2026, 12, 1)) != made
    assert keys.current("other", NOW.date()) != made
    for _ in range(2):
        keys.destroy(made.period)
    assert keys.find(made.period) is None
    assert made.period not in keys.periods()
    with pytest.raises(Refused, match=r"retention\.expired"):
        keys.current("identity-15y", NOW.date())


def test_changes_are_kept_until_they_are_over_or_their_time_is(store: TrusteeStore) -> None:
    proposed = StoredChange(b"c" * 32, b"signed", Consent.PENDING, LATER)
    agreed = replace(
        proposed, consent=Consent.AGREED, seed=Secret(b"s" * 32), recipient=Secret(b"seeds"), answer=b"key"
    )
    other = StoredChange(b"o" * 32, b"other", Consent.REFUSED, NOW)
    with store.transaction() as state:
        state.save_change(proposed)
        state.save_change(other)
        assert state.changes() == (other, proposed)
        state.save_change(agreed)
    with store.transaction() as state:
        assert state.change(b"c" * 32) == agreed
    store.forget_expired(NOW)
    with store.transaction() as state:
        assert state.changes() == (agreed,)
        state.drop_change(b"c" * 32)
        state.drop_change(b"c" * 32)
        assert state.change(b"c" * 32) is None


def test_a_newcomers_envelope_stays_with_its_record_and_records_with_a_mask_are_counted(store: TrusteeStore) -> None:
    taken = StoredRecord(replace(version(), envelope=b"masked"))
    with store.transaction() as state:
        state.save_record(taken)
        state.save_record(StoredRecord(version(1, b"erased"), is_erased=True))
    with store.transaction() as state:
        assert state.record(version().version.record_id) == taken
        assert state.record_count() == 1
        state.save_record(StoredRecord(version(2)))
    with store.transaction() as state:
        assert state.record(version().version.record_id) == StoredRecord(version(2))
