"""A thief who comes twice, before and after the trustees changed, and takes one too few each time: nothing opens.

It has the agency, with all its keys and every database, at both times. On each weakened build, where the change or the
correction after it was left out, the same thief opens the record or has the lookup key.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations

import pytest

from diptych.crypto.bls12381 import g2_base, hash_to_g1, pairing_product_is_one, parse_nonzero_scalar
from diptych.crypto.lookup_prf import KeyShare
from diptych.crypto.lookup_prf.polynomials import lagrange
from diptych.errors import VerificationError
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealed import SEALED_RECORD, SealedRecord
from diptych.formats.record.sealing import open_agency_half, open_record, unmask_share
from diptych.private import Secret
from diptych.roles.officer.counter import Enrolled
from diptych.roles.trustee import vault
from tests.changing_town import ChangingTown
from tests.registry_world import THRESHOLD

LOST, NEWCOMER = 3, 6
BEFORE, AFTER = (1, LOST), (4, NEWCOMER)
"""One too few each time, and nobody twice: together they are more than a quorum."""
REFRESHED = (4, 5)


@dataclass
class Thief:
    """What was taken of trustees' memories, files and keys: shares by version of the record, and of the lookup key."""

    town: ChangingTown
    record_id: bytes
    records: dict[int, SealedRecord] = field(default_factory=dict, repr=False)
    shares: dict[int, dict[int, Secret]] = field(default_factory=dict, repr=False)
    key_shares: list[KeyShare] = field(default_factory=list, repr=False)

    def take(self, indices: Iterable[int]) -> None:
        """Everything of these trustees, and the registry's record as it stands now."""
        with self.town.registry_store.transaction() as state:
            stored = state.record(self.record_id)
        assert stored is not None
        record = SEALED_RECORD.parse(stored.encoded).unverified
        self.records[record.number] = record
        for index in indices:
            with self.town.seats[index - 1].store.transaction() as state:
                self.key_shares += state.shares("civil-status")
            version, share = self._share_of(index)
            self.shares.setdefault(version, {})[index] = share

    def opens(self) -> RecordContent | None:
        """Every version, with every choice of its shares: taken for a quorum, however few they are."""
        for number, record in self.records.items():
            shares = self.shares.get(number, {})
            for count in range(2, len(shares) + 1):
                for chosen in combinations(shares.items(), count):
                    alone = replace(record, quorum=replace(record.quorum, threshold=count))
                    try:
                        return open_record(alone, shares=dict(chosen), agency_half=self._half(record))
                    except VerificationError:
                        continue
        return None

    def has_the_lookup_key(self) -> bool:
        """Whether any k shares, of whatever generation, are the key behind the public one."""
        public, point = self.town.set_now.purposes[0].public_key, hash_to_g1(b"somebody", b"any domain")
        for chosen in combinations(self.key_shares, THRESHOLD):
            indices = tuple(share.index for share in chosen)
            if len(set(indices)) < THRESHOLD:
                continue
            weighed = (
                parse_nonzero_scalar(share.scalar.reveal()) * lagrange(indices, share.index, 0) for share in chosen
            )
            if pairing_product_is_one([(point * sum(weighed), g2_base()), (-point, public)]):
                return True
        return False

    def _share_of(self, index: int) -> tuple[int, Secret]:
        seat = self.town.seats[index - 1]
        with seat.store.transaction() as state:
            stored = state.record(self.record_id)
        assert stored is not None
        held = vault.open_record(stored, seat.keys)
        assert held.mask is not None
        record = self.records[held.version.number]
        sealed = {slot.index: slot.envelope for slot in record.quorum.shares}
        share = unmask_share(
            held.envelope or sealed[index],
            mask=held.mask,
            recipient=seat.recipient,
            record_id=self.record_id,
            number=held.version.number,
            epoch=held.epoch,
            index=index,
            share_hash=held.share_hash,
        )
        return held.version.number, share

    def _half(self, record: SealedRecord) -> Secret:
        return open_agency_half(
            record.agency.envelope,
            recipient=self.town.agency_recipient,
            record_id=record.record_id,
            number=record.number,
            epoch=record.quorum.epoch,
        )


@pytest.fixture
def town() -> ChangingTown:
    return ChangingTown()


@pytest.fixture
def marie(town: ChangingTown) -> Enrolled:
    return town.enrol_person(1)


@pytest.fixture
def thief(town: ChangingTown, marie: Enrolled) -> Thief:
    """Who was there once already."""
    found = Thief(town, marie.record_id)
    found.take(BEFORE)
    return found


def correct(town: ChangingTown, record_id: bytes) -> None:
    """Seal the record anew, to the trustees there are now."""
    read = town.open_record(record_id)
    town.workstation.correct(
        read,
        town.look(read.content.civil_status),
        read.content,
        reason="sealed anew",
        document_type="driving-licence",
        now=town.log.now,
        entropy=os.urandom,
    )


def test_shares_from_before_and_after_do_not_open_a_record_that_was_sealed_anew(
    town: ChangingTown, marie: Enrolled, thief: Thief
) -> None:
    assert town.replace({LOST: town.newcomer(NEWCOMER)}).is_over
    correct(town, marie.record_id)
    thief.take(AFTER)
    assert {number: sorted(shares) for number, shares in thief.shares.items()} == {1: [*BEFORE], 2: [*AFTER]}
    assert thief.opens() is None


def test_without_the_correction_they_open_it(town: ChangingTown, marie: Enrolled, thief: Thief) -> None:
    assert town.replace({LOST: town.newcomer(NEWCOMER)}).is_over
    assert thief.opens() is None
    thief.take((NEWCOMER,))
    assert thief.opens() == marie.content


def test_the_lost_trustee_and_its_successor_are_one_too_few(town: ChangingTown, marie: Enrolled) -> None:
    thief = Thief(town, marie.record_id)
    thief.take((LOST,))
    assert town.replace({LOST: town.newcomer(NEWCOMER)}).is_over
    thief.take((NEWCOMER,))
    assert thief.opens() is None
    assert not thief.has_the_lookup_key()


def test_key_shares_from_before_and_after_a_refresh_are_no_key(town: ChangingTown, thief: Thief) -> None:
    assert town.replace({}).is_over
    thief.take(REFRESHED)
    assert [(share.generation, share.index) for share in thief.key_shares] == [(0, 1), (0, 3), (1, 4), (1, 5)]
    assert not thief.has_the_lookup_key()
    thief.take((1,))
    assert thief.has_the_lookup_key()  # three of one generation


def test_without_the_refresh_they_are_the_key(thief: Thief) -> None:
    assert not thief.has_the_lookup_key()
    thief.take(REFRESHED)
    assert thief.has_the_lookup_key()
