"""An officer who wants everybody's file: a true key, a true certificate, and a request for every record there is.

Every request is signed, put into a public log under its witnesses, and shown to each trustee and to the agency's key
service, whose own checklist decides (`protocols/opening/decision`); what they grant is unsealed from their own stores.
Each party is called in this process, with its own database and keys.
"""

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from diptych.adapters.month_keys import MonthKeyFolder
from diptych.adapters.storage.trustee import open_trustee_store
from diptych.adapters.trustee_folder import read_recipient
from diptych.crypto.hpke import generate_recipient
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.drill.attacker.records import records_of
from diptych.drill.log_town import LogTown
from diptych.drill.sealed_town import AGENCY, SealedTown
from diptych.drill.sealing import MONTHS, TRUSTEE_DATABASE
from diptych.errors import DiptychError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.attestation import AuditAttestation
from diptych.formats.mandate.officer import OFFICER_CERTIFICATE, OfficerCertificate, Role
from diptych.formats.record.sealed import SealedRecord
from diptych.formats.record.sealing import open_agency_half, open_record, unmask_share
from diptych.formats.tlog.act import Act, Detail, commit
from diptych.formats.tlog.entry import NO_LABEL, ActorClass, ActType
from diptych.formats.tlog.shown_act import ShownAct, verify_shown_act
from diptych.private import Personal, Secret
from diptych.protocols.certifying.officers import HonouredOfficer, honour_officer
from diptych.protocols.depositing.decision import HeldRecord
from diptych.protocols.opening.decision import HolderState, KnownRecord, decide
from diptych.protocols.opening.policy import HolderPolicy, LegalBasis
from diptych.protocols.opening.request import OPENING_REQUEST, OpeningRequest, Presentation, request_act
from diptych.roles.trustee.vault import open_record as open_held

BASIS = "fr.reissue"
QUOTA, AGENCY_QUOTA = 5, 20
SINCE = date(2026, 1, 1)


@dataclass
class Insider:
    """The officer with `signer`, the register, and the log that shows what they do."""

    system: SealedTown
    log: LogTown
    quota: int = QUOTA
    counts: dict[int, Counter[date]] = field(default_factory=dict)
    last_shown: ShownAct | None = None
    seen_after: float | None = None

    def __post_init__(self) -> None:
        self._agency, self._signer, self._auditor = generate_signer(), generate_signer(), generate_signer()
        self._writer = self.log.log("log")
        self._officer = self._certified()
        self.log.now += timedelta(days=3)  # the waiting time of a new officer is over
        self._policy = HolderPolicy(
            log=self.log.policy,
            legal_bases={BASIS: LegalBasis(SINCE)},
            officer_quota=self.quota,
            agency_quota=max(AGENCY_QUOTA, self.quota),
            audit_since=SINCE,
            audit_grace=timedelta(days=14),
        )
        self._held = {number: self._holdings(number, place) for number, place in enumerate(self.system.trustees, 1)}

    def open_everybody(self) -> tuple[list[bytes], int]:
        """The plaintext of what opened, and how many of these openings stand in no log."""
        opened, unlogged = [], 0
        for signed in records_of(self.system.database):
            if self.last_shown is not None:  # first without telling anybody: an earlier act is shown for this request
                unlogged += self._open(signed, self._request(signed), self.last_shown) is not None
            request = self._request(signed)
            plaintext = self._open(signed, request, self._publish(signed, request))
            opened += [] if plaintext is None else [plaintext]
        return opened, unlogged

    def _certified(self) -> HonouredOfficer:
        now = self.log.later()
        certificate = OFFICER_CERTIFICATE.sign(
            OfficerCertificate(
                fingerprint(self._agency.public_key),
                self._signer.public_key,
                frozenset(Role),
                now - timedelta(days=1),
                now + timedelta(days=700),
            ),
            signer=self._agency,
        )
        details: dict[str, Detail] = {"title": "officer", "document": certificate.digest}
        act = Act(ActType.OFFICER_CERTIFIED, now.date(), ActorClass.AGENCY, Personal(details))
        shown = self._record(act, NO_LABEL)
        return honour_officer(
            certificate,
            verify_shown_act(shown, policy=self.log.policy, kept=None),
            agency_key=self._agency.public_key,
            known=None,
            revocation=None,
        )

    def _record(self, act: Act, label: bytes) -> ShownAct:
        committed = commit(act, entropy=os.urandom)
        entry = committed.entry(policy_hash=self.log.policy.digest, label=label).encode()
        return ShownAct(committed, self._writer.append([entry], now=self.log.later()).receipts[0], 0, ())

    def _request(self, signed: UnverifiedStatement[SealedRecord]) -> UnverifiedStatement[OpeningRequest]:
        request = OpeningRequest(
            officer=self._officer.certificate.officer,
            record_id=signed.unverified.record_id,
            number=signed.unverified.number,
            record_hash=signed.digest,
            purpose="re-issue after a lost wallet, with the citizen present",
            legal_basis=BASIS,
            case=Personal("2026-0001"),
            requested_at=self.log.now,
            reply_key=generate_recipient().public_key,
        )
        return OPENING_REQUEST.sign(request, signer=self._signer)

    def _publish(
        self, signed: UnverifiedStatement[SealedRecord], request: UnverifiedStatement[OpeningRequest]
    ) -> ShownAct:
        started = time.monotonic()
        label = self._held[1][signed.unverified.record_id].chain.at(1).label
        self.last_shown = self._record(request_act(request, day=self.log.now.date()), label)
        self.seen_after = max(self.seen_after or 0.0, time.monotonic() - started)
        return self.last_shown

    def _open(
        self,
        signed: UnverifiedStatement[SealedRecord],
        request: UnverifiedStatement[OpeningRequest],
        shown: ShownAct,
    ) -> bytes | None:
        """What trustees and agency grant, combined; None where it is too little."""
        record = signed.unverified
        shares: dict[int, Secret] = {}
        for index in self._held:
            envelope = record.quorum.slot_of(index).envelope
            if self._grants(index, Presentation(request, shown, envelope, None)):
                shares[index] = self._share(index, record)
        if not self._grants(0, Presentation(request, shown, record.agency.envelope, None)):
            return None
        half = open_agency_half(
            record.agency.envelope,
            recipient=read_recipient(self.system.place(AGENCY)),
            record_id=record.record_id,
            number=record.number,
            epoch=record.quorum.epoch,
        )
        try:
            return open_record(record, shares=shares, agency_half=half).encode_padded()
        except DiptychError:
            return None

    def _grants(self, holder: int, presentation: Presentation) -> bool:
        counted = self.counts.setdefault(holder, Counter())
        held = self._held[max(holder, 1)].get(presentation.request.unverified.record_id)
        state = HolderState(
            checkpoint=None,
            officer=self._officer,
            revocation=None,
            record=None if held is None else KnownRecord.of(held),
            attestation=self._attestation(),
            officer_count=lambda day: counted[day],
            agency_count=lambda day: counted[day],
        )
        try:
            granted = decide(presentation, policy=self._policy, state=state)
        except DiptychError:
            return False
        counted[granted.counted_on] += 1
        return True

    def _share(self, index: int, record: SealedRecord) -> Secret:
        held = self._held[index][record.record_id]
        assert held.mask is not None
        return unmask_share(
            record.quorum.slot_of(index).envelope,
            mask=held.mask,
            recipient=read_recipient(self.system.trustees[index - 1]),
            record_id=record.record_id,
            number=record.number,
            epoch=record.quorum.epoch,
            index=index,
            share_hash=held.share_hash,
        )

    def _attestation(self) -> AuditAttestation:
        published = self._writer.published
        assert published is not None
        return AuditAttestation(
            fingerprint(self._auditor.public_key),
            published.checkpoint.origin,
            published.checkpoint.size,
            published.checkpoint.root,
            self.log.now,
            self.log.now.date() + timedelta(days=90),
        )

    def _holdings(self, number: int, place: Path) -> dict[bytes, HeldRecord]:
        keys, store = MonthKeyFolder(place / MONTHS, os.urandom), open_trustee_store(place / TRUSTEE_DATABASE)
        found: dict[bytes, HeldRecord] = {}
        with store.transaction() as state:
            for record_id in self.system.truth:
                stored = state.record(record_id)
                if stored is not None:
                    found[record_id] = open_held(stored, keys)
        store.close()
        return found
