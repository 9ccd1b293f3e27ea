"""After an erasure or an expiry, every older backup is put back: nothing opens, unless a defence is removed.

The thief runs everything: registry, agency and officer with all their keys, and every trustee whose memory comes back.
"""

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import cast

import pytest

from diptych.errors import Refused
from diptych.roles.officer.counter import Enrolled, Erased, Read, Reason
from diptych.roles.registry.fakes import MemoryRegistryStore
from diptych.roles.trustee.fakes import MemoryMonthKeys, MemoryTrusteeStore
from diptych.roles.trustee.ports import MonthKey
from tests.officer_town import OfficerTown
from tests.registry_world import BASIS, COUNT, MARIE, THRESHOLD, content_of

HONEST = COUNT - THRESHOLD + 1
EVERYBODY = range(1, COUNT + 1)


class BackedUp:
    """A town with Marie in its register, and a backup of every memory, month keys included."""

    def __init__(self) -> None:
        self.town = OfficerTown()
        found = self.town.workstation.find(MARIE, legal_basis="enrolment", now=self.town.log.now, entropy=os.urandom)
        self.enrolled: Enrolled = self.town.workstation.enrol(
            found,
            status=MARIE,
            documents=content_of().documents,
            references=(),
            document_type="driving-licence",
            now=self.town.log.now,
            entropy=os.urandom,
        )
        self._registry = self._tables(self.town.registry_store).contents()
        self._trustees = {seat.index: self._tables(seat.store).contents() for seat in self.town.seats}
        self._months = {
            seat.index: tuple(key for period in seat.keys.periods() if (key := seat.keys.find(period)) is not None)
            for seat in self.town.seats
        }

    @staticmethod
    def _tables(store: object) -> MemoryRegistryStore | MemoryTrusteeStore:
        assert isinstance(store, MemoryRegistryStore | MemoryTrusteeStore)
        return store

    def erase(self) -> Erased:
        """By the first `HONEST` trustees; the others are away, and keep what they have."""
        self.town.holders.down = set(EVERYBODY[HONEST:])
        erased = self.town.workstation.erase(
            self.enrolled.record_id, legal_basis="retention", case="E-7", now=self.town.log.now
        )
        self.town.holders.down = set()
        return erased

    def expire(self) -> None:
        for seat in self.town.seats:
            for period in seat.keys.periods():
                seat.keys.destroy(period)

    def restore(self, trustees: Iterable[int], *, months_too: Iterable[int] = ()) -> None:
        """The registry's backup, and these trustees'; the months of those only whose keys were in a backup."""
        self._put_back(self.town.registry_store, self._registry)
        for index in trustees:
            self._put_back(self.town.seats[index - 1].store, self._trustees[index])
        for index in months_too:
            self.town.seats[index - 1].keys = KeptMonths({found.period: found for found in self._months[index]})

    def _put_back(self, store: object, contents: object) -> None:
        vars(self._tables(store))["_tables"] = contents

    def open(self) -> Read:
        reason = Reason(BASIS, "a thief's", "none")
        return self.town.workstation.open(
            self.enrolled.record_id, reason, now=self.town.log.now + timedelta(minutes=1), entropy=os.urandom
        )


class KeptMonths(MemoryMonthKeys):
    """Month keys out of a backup."""

    def __init__(self, kept: dict[str, MonthKey]) -> None:
        super().__init__()
        self._keys = cast(dict[str, MonthKey | None], kept)


@pytest.fixture
def scene() -> BackedUp:
    return BackedUp()


def test_n_minus_k_plus_one_deletions_are_enough_whatever_the_others_restore(scene: BackedUp) -> None:
    assert len(scene.erase().statements) == HONEST
    scene.restore(EVERYBODY[HONEST:])
    with pytest.raises(Refused, match=r"opening\.refused"):
        scene.open()


def test_one_trustee_more_that_kept_its_mask_in_a_backup_and_the_record_is_back(scene: BackedUp) -> None:
    scene.erase()
    scene.restore(EVERYBODY[HONEST - 1 :])
    assert scene.open().content == scene.enrolled.content


def test_once_its_month_is_over_every_backup_of_everybody_opens_nothing(scene: BackedUp) -> None:
    scene.expire()
    scene.restore(EVERYBODY)
    with pytest.raises(Refused, match=r"opening\.refused"):
        scene.open()


def test_month_keys_of_one_too_few_in_backups_are_one_too_few_and_of_k_bring_it_back(scene: BackedUp) -> None:
    scene.expire()
    scene.restore(EVERYBODY, months_too=EVERYBODY[: THRESHOLD - 1])
    with pytest.raises(Refused, match=r"opening\.refused"):
        scene.open()
    scene.restore(EVERYBODY, months_too=EVERYBODY[:THRESHOLD])
    assert scene.open().content == scene.enrolled.content
