"""An officer's town whose trustee set changes: newcomers with memories of their own, people who agree, liars."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from diptych.errors import Unavailable
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.tlog.label import ChainElement
from diptych.private import Personal, Secret
from diptych.protocols.lookup.decision import LookupPolicy
from diptych.protocols.opening.policy import HolderPolicy
from diptych.protocols.replacing.recovery import PIECES, WantedRecord, parse_pieces_request, parse_sums_request
from diptych.roles.officer.counter import Enrolled, Found, Read, Reason
from diptych.roles.registry import changing
from diptych.roles.registry.changing import Changed
from diptych.roles.trustee.changes import Changes
from diptych.roles.trustee.fakes import MemoryTrusteeStore
from diptych.roles.trustee.model import Consent
from diptych.roles.trustee.ports import TrusteeStore, TrusteeTransaction
from tests.officer_town import OfficerTown
from tests.registry_town import CalledTrustees
from tests.registry_world import MARIE, OWN_BASIS, content_of
from tests.trustee_town import Seat

REASON = Reason(OWN_BASIS, "what is written about me?", "2026-1")


class ChangingTown(OfficerTown):
    """`OfficerTown` in which everyone of the set to come agrees to a change, and quotas end no story."""

    def __init__(self) -> None:
        super().__init__()
        self.lookup_policy = LookupPolicy(frozenset({"enrolment"}), officer_quota=10_000, agency_quota=10_000)
        self.told: list[str] = []

    def policy(self) -> HolderPolicy:
        return replace(super().policy(), officer_quota=10_000, agency_quota=10_000)

    @property
    def set_now(self) -> TrusteeSet:
        with self.registry_store.transaction() as state:
            found = state.trustee_set()
        assert found is not None
        return found

    def newcomer(self, index: int, store: TrusteeStore | None = None) -> Trustee:
        """A new trustee that is to take this index, running and in no set."""
        assert index == len(self.seats) + 1
        seat = Seat(index, store=store or MemoryTrusteeStore())
        self.seats.append(seat)
        return Trustee(
            0,
            f"Newcomer {index}",
            f"https://trustee-{index}.utopia.example",
            seat.signer.public_key,
            seat.recipient.public_key,
        )

    def begin(self, newcomers: Mapping[int, Trustee]) -> None:
        changing.begin(self.registry, newcomers, agency=self.agency, now=self.log.now, entropy=os.urandom)

    def agree(self, indices: Sequence[int] | None = None) -> None:
        """A person at each trustee of the set to come, or at these, says yes to what was proposed there."""
        change = changing.under_way(self.registry)
        assert change is not None
        for index in [trustee.index for trustee in change.trustees] if indices is None else indices:
            for proposed in self.trustee(index).changes():
                self.trustee(index).decide_change(proposed.digest, Consent.AGREED, entropy=os.urandom)

    def carry_out(self, trustees: CalledTrustees | None = None) -> Changed:
        return changing.carry_out(
            self.registry,
            trustees or self.called_trustees,
            agency=self.agency,
            clock=lambda: self.log.now,
            entropy=os.urandom,
            said=self.told.append,
        )

    def replace(self, newcomers: Mapping[int, Trustee], trustees: CalledTrustees | None = None) -> Changed:
        """The whole way: proposed, agreed to, carried out."""
        self.begin(newcomers)
        self.propose()
        self.agree()
        return self.carry_out(trustees)

    def propose(self) -> None:
        """Everybody is shown the change that is under way; nobody has agreed yet."""
        with pytest.raises(Unavailable, match=r"change\.consent"):
            self.carry_out()

    # What an officer does

    def enrol_person(self, number: int) -> Enrolled:
        status = person(number)
        return self.workstation.enrol(
            self.look(status),
            status=status,
            documents=content_of().documents,
            references=(),
            document_type="driving-licence",
            now=self.log.now,
            entropy=os.urandom,
        )

    def look(self, status: CivilStatus) -> Found:
        return self.workstation.find(status, legal_basis="enrolment", now=self.log.now, entropy=os.urandom)

    def open_record(self, record_id: bytes, *, without: Sequence[int] = ()) -> Read:
        """Opened while these trustees are down."""
        self.holders.down = set(without)
        try:
            return self.workstation.open(record_id, REASON, now=self.log.now, entropy=os.urandom)
        finally:
            self.holders.down = set()


@dataclass
class LyingTrustees(CalledTrustees):
    """`CalledTrustees` of whom one, at `liar`, lies in one of these ways when it helps: about its share, in the pieces
    for one helper, about the record's label chain."""

    liar: int = 0
    about: Literal["share", "piece", "chain"] = "share"

    def ask(self, trustee: Trustee, path: str, body: bytes) -> bytes:
        if trustee.index != self.liar or not path.startswith("recovery"):
            return super().ask(trustee, path, body)
        now, seat = self.town.log.now, self.town.seats[trustee.index - 1]
        liar = Liar(seat.signer, seat.recipient, self.town.agency.public_key, seat.store, seat.keys)
        if path == "recovery-sums":
            request = parse_sums_request(body)
            return (liar if self.about == "chain" else honest(liar)).add(request, now=now)
        if self.about == "chain":
            return super().ask(trustee, path, body)
        answer = liar.cut(parse_pieces_request(body), now=now)
        if self.about == "share":
            return answer
        said = PIECES.parse(answer).unverified
        first = min(said.sealed)
        spoilt = {**said.sealed, first: said.sealed[first][:-1] + b"\0"}
        return PIECES.sign(replace(said, sealed=spoilt), signer=seat.signer).encode()


class Liar(Changes):
    """A helper that answers with another share, or another chain, than it keeps."""

    def _share(self, state: TrusteeTransaction, wanted: WantedRecord, envelope: bytes | None) -> Secret | None:
        return Secret(os.urandom(32))

    def _kept(self, state: TrusteeTransaction, wanted: WantedRecord) -> tuple[ChainElement, str] | None:
        kept = super()._kept(state, wanted)
        return None if kept is None else (ChainElement(Secret(os.urandom(32)), kept[0].counter), kept[1])


def honest(liar: Liar) -> Changes:
    """The honest half of a liar."""
    return Changes(liar.signer, liar.recipient, liar.agency_key, liar.store, liar.keys)


def person(number: int) -> CivilStatus:
    """Somebody else for each number."""
    return replace(MARIE, birth_date=Personal(BirthDate(1900 + number, 5, 17)))
