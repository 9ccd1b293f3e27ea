"""A registry's world in memory, of values alone: an agency, officers, five trustees, a log, and people made up.

No roles and no storage: what tests of records, deposits, lookups and openings share.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from diptych.crypto.hpke import HybridRecipient, generate_recipient
from diptych.crypto.signing import SoftwareSigner, fingerprint, generate_signer
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.cose.statement import UnverifiedStatement, VerifiedStatement
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION, AuditAttestation
from diptych.formats.mandate.court_order import COURT_ORDER, CourtOrder
from diptych.formats.mandate.officer import OFFICER_CERTIFICATE, OfficerCertificate, Role
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.record.content import RecordContent, Reference
from diptych.formats.record.sealed import SealedRecord
from diptych.formats.record.sealing import FreshlySealed, Predecessor, open_agency_half, seal_record, unmask_share
from diptych.formats.tlog import tree
from diptych.formats.tlog.act import Act, CommittedAct, commit
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.entry import NO_LABEL, ActorClass, ActType
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import build_receipt
from diptych.formats.tlog.shown_act import ShownAct, VerifiedShownAct, verify_shown_act
from diptych.private import Personal, Secret
from diptych.protocols.certifying.officers import HonouredOfficer, honour_officer
from diptych.protocols.depositing.decision import (
    HeldDeposit,
    HeldRecord,
    OfferedPrekey,
    TrusteeIdentity,
    decide_confirmation,
    decide_deposit,
)
from diptych.protocols.depositing.deposit import Deposit, build_deposit, verify_prekey
from diptych.protocols.depositing.prekey import PREKEY, PREKEY_REQUEST, Prekey, PrekeyRequest
from diptych.protocols.opening.answer import AGENCY_INDEX, ShareAnswer, build_answer
from diptych.protocols.opening.decision import Granted, HolderState, KnownRecord, decide
from diptych.protocols.opening.policy import HolderPolicy, LegalBasis
from diptych.protocols.opening.request import OPENING_REQUEST, OpeningRequest, Presentation, request_act
from tests.formats.tlog_specimen import NOW, POLICY, checkpoint_of, cosigned

THRESHOLD, COUNT = 3, 5
BASIS, COURT_BASIS, OWN_BASIS = "fr.reissue", "fr.judicial", "fr.own-request"


class PublicLog:
    """Entries, and a checkpoint at any size. Its clock is `now`."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.now = NOW

    def record(self, act: Act, label: bytes = NO_LABEL) -> tuple[int, CommittedAct]:
        """Append an act; where it stands, and its salt."""
        self.now += timedelta(seconds=1)
        committed = commit(act, entropy=os.urandom)
        self.entries.append(committed.entry(policy_hash=POLICY.digest, label=label).encode())
        return len(self.entries) - 1, committed

    def publish(self, title: str, act_type: ActType, actor: ActorClass, digest: bytes) -> ShownAct:
        details = Personal({"title": title, "document": digest})
        return self.show(*self.record(Act(act_type, self.now.date(), actor, details)))

    def checkpoint(self, size: int | None = None) -> SignedCheckpoint:
        return cosigned(checkpoint_of(self.entries[: size or len(self.entries)]), now=self.now)

    def show(
        self, index: int, committed: CommittedAct, *, kept: KeptCheckpoint | None = None, size: int | None = None
    ) -> ShownAct:
        """The act under the checkpoint of that size, with the way from the one that its reader kept."""
        size = size or len(self.entries)
        node = tree.memory_nodes([tree.leaf_hash(entry) for entry in self.entries])
        path = tree.build_inclusion_proof(index, size, node)
        receipt = build_receipt(self.entries[index], index=index, path=path, checkpoint=self.checkpoint(size))
        since = kept.checkpoint.size if kept else 0
        steps = tree.build_consistency_proof(*sorted((since, size)), node) if since and since != size else ()
        return ShownAct(committed, receipt, since, tuple(steps))


def verified(shown: ShownAct) -> VerifiedShownAct:
    return verify_shown_act(shown, policy=POLICY, kept=None)


MARIE = CivilStatus(
    family_name=Personal("Le Goff-Dupont"),
    given_names=Personal(("Marie-Noëlle", "Anne")),
    usage_name=Personal("d'Astarac"),
    birth_date=Personal(BirthDate(1984, 5, 17)),
    birth_place=Personal("29019"),
)


def content_of(status: CivilStatus = MARIE, *, chain: Secret | None = None, portrait: int = 2000) -> RecordContent:
    licence = OrderedDocument(
        "driving-licence",
        {"family_name": Personal("Le Goff-Dupont"), "portrait": Personal(b"\xff\xd8" + bytes(portrait))},
        datetime(2036, 1, 1, tzinfo=UTC),
    )
    return RecordContent(
        status,
        {"identity": tuple(Secret(bytes([position]) * 32) for position in range(4))},
        (licence,),
        (Reference("document-number", Personal("X7RTPL4T1")),),
        chain or Secret(os.urandom(32)),
    )


@dataclass
class TrusteeOfTests:
    """One trustee's keys and what it keeps."""

    index: int
    signer: SoftwareSigner = field(default_factory=generate_signer)
    recipient: HybridRecipient = field(default_factory=generate_recipient)
    checkpoint: KeptCheckpoint | None = None
    held: HeldRecord | None = None

    @property
    def name(self) -> bytes:
        return fingerprint(self.signer.public_key)

    def identity(self, epoch: int = 1) -> TrusteeIdentity:
        return TrusteeIdentity(self.name, epoch, self.index, self.recipient)


class World:
    """Everyone, and one enrolled record where a test wants one."""

    def __init__(self) -> None:
        self.log = PublicLog()
        self.agency, self.agency_signer = generate_signer(), generate_signer()
        self.agency_recipient = generate_recipient()
        self.auditor, self.court = generate_signer(), generate_signer()
        self.officer_signer = generate_signer()
        self.trustees = [TrusteeOfTests(index) for index in range(1, COUNT + 1)]
        self.trustee_set = TrusteeSet(
            fingerprint(self.agency.public_key),
            1,
            THRESHOLD,
            tuple(
                Trustee(
                    trustee.index,
                    f"Trustee {trustee.index}",
                    f"https://trustee-{trustee.index}.utopia.example",
                    trustee.signer.public_key,
                    trustee.recipient.public_key,
                )
                for trustee in self.trustees
            ),
            (6, 7),
            self.agency_recipient.public_key,
            self.agency_signer.public_key,
            (),
        )
        self.officer = self.certified(self.officer_signer)
        self.log.now += timedelta(days=3)

    def certified(
        self, signer: SoftwareSigner, roles: frozenset[Role] = frozenset(Role), known: HonouredOfficer | None = None
    ) -> HonouredOfficer:
        certificate = OFFICER_CERTIFICATE.sign(
            OfficerCertificate(
                fingerprint(self.agency.public_key),
                signer.public_key,
                roles,
                NOW - timedelta(days=1),
                NOW + timedelta(days=700),
            ),
            signer=self.agency,
        )
        shown = self.log.publish("officer", ActType.OFFICER_CERTIFIED, ActorClass.AGENCY, certificate.digest)
        return honour_officer(
            certificate, verified(shown), agency_key=self.agency.public_key, known=known, revocation=None
        )

    # Enrolling

    def sealed(self, content: RecordContent | None = None, *, predecessor: Predecessor | None = None) -> FreshlySealed:
        return seal_record(
            content or content_of(),
            trustees=self.trustee_set,
            retention="identity-15y",
            signer=self.officer_signer,
            sealer=self.officer.certificate.officer,
            predecessor=predecessor,
            entropy=os.urandom,
        )

    def offered(self, trustee: TrusteeOfTests) -> tuple[VerifiedStatement[Prekey], OfferedPrekey]:
        """A prekey as the officer sees it and as the trustee keeps it."""
        officer = self.officer.certificate.officer
        request = PREKEY_REQUEST.sign(
            PrekeyRequest(officer, trustee.name, os.urandom(16), self.log.now), signer=self.officer_signer
        )
        recipient, expires = generate_recipient(), self.log.now + timedelta(hours=1)
        prekey = PREKEY.sign(
            Prekey(trustee.name, officer, request.digest, os.urandom(16), recipient.public_key, expires),
            signer=trustee.signer,
        )
        seen = verify_prekey(
            prekey, trustee_key=trustee.signer.public_key, expected_request=request.digest, now=self.log.now
        )
        return seen, OfferedPrekey(officer, expires, recipient)

    def deposit(
        self, fresh: FreshlySealed, trustee: TrusteeOfTests, chain: Secret | None
    ) -> tuple[UnverifiedStatement[Deposit], OfferedPrekey]:
        prekey, kept = self.offered(trustee)
        made = build_deposit(
            fresh.signed,
            index=trustee.index,
            prekey=prekey,
            mask=fresh.masks[trustee.index],
            chain=chain,
            signer=self.officer_signer,
        )
        return made, kept

    def decide_deposit(
        self, deposit: UnverifiedStatement[Deposit], prekey: OfferedPrekey | None, trustee: TrusteeOfTests
    ) -> HeldDeposit:
        return decide_deposit(
            deposit,
            identity=trustee.identity(),
            officer=self.officer,
            revocation=None,
            prekey=prekey,
            held=trustee.held,
            now=self.log.now,
        )

    def enrol(self, content: RecordContent) -> FreshlySealed:
        """Sealed, deposited with everyone, logged under the chain's first label, confirmed by everyone."""
        fresh = self.sealed(content)
        deposits = [
            self.decide_deposit(*self.deposit(fresh, trustee, content.chain), trustee) for trustee in self.trustees
        ]
        act = enrolled_act(fresh.signed, day=self.log.now.date())
        shown = self.log.show(*self.log.record(act, ChainElement(content.chain).label))
        for trustee, deposit in zip(self.trustees, deposits, strict=True):
            trustee.held = decide_confirmation(deposit, verified(shown), held=None)
        return fresh

    # Opening

    def attestation(self, expires: date | None = None) -> AuditAttestation:
        return AuditAttestation(
            fingerprint(self.auditor.public_key),
            self.log.checkpoint().checkpoint.origin,
            len(self.log.entries),
            self.log.checkpoint().checkpoint.root,
            self.log.now,
            expires or self.log.now.date() + timedelta(days=90),
        )

    def signed_attestation(self, attestation: AuditAttestation) -> UnverifiedStatement[AuditAttestation]:
        return AUDIT_ATTESTATION.sign(attestation, signer=self.auditor)

    def policy(self) -> HolderPolicy:
        since = date(2026, 1, 1)
        court = {fingerprint(self.court.public_key): self.court.public_key}
        return HolderPolicy(
            log=POLICY,
            legal_bases={
                BASIS: LegalBasis(since),
                COURT_BASIS: LegalBasis(since, courts=court, max_deferral=timedelta(days=180)),
                OWN_BASIS: LegalBasis(since, is_citizens_own=True),
                "fr.approved": LegalBasis(since, needs_approval=True),
                "fr.old": LegalBasis(since, until=date(2026, 6, 30)),
                "fr.correction": LegalBasis(since, role=Role.CORRECT),
            },
            officer_quota=5,
            agency_quota=20,
            audit_since=since,
            audit_grace=timedelta(days=14),
        )

    def request(
        self, fresh: FreshlySealed, *, reply: HybridRecipient, **changed: object
    ) -> UnverifiedStatement[OpeningRequest]:
        record = fresh.signed.unverified
        request = OpeningRequest(
            officer=self.officer.certificate.officer,
            record_id=record.record_id,
            number=record.number,
            record_hash=fresh.signed.digest,
            purpose="re-issue after a lost wallet, with the citizen present",
            legal_basis=BASIS,
            case=Personal("2026-4711"),
            requested_at=self.log.now,
            reply_key=reply.public_key,
        )
        return OPENING_REQUEST.sign(replace(request, **changed), signer=self.officer_signer)  # type: ignore[arg-type]

    def court_order(self, sealed: SealedRecord, **changed: object) -> UnverifiedStatement[CourtOrder]:
        order = CourtOrder(
            fingerprint(self.court.public_key),
            sealed.record_id,
            Personal("2026-4711"),
            COURT_BASIS,
            self.log.now - timedelta(hours=2),
            self.log.now.date() + timedelta(days=7),
            None,
        )
        return COURT_ORDER.sign(replace(order, **changed), signer=self.court)  # type: ignore[arg-type]

    def logged(self, request: UnverifiedStatement[OpeningRequest], label: bytes) -> tuple[int, CommittedAct]:
        return self.log.record(request_act(request, day=self.log.now.date()), label)

    def presentation(
        self,
        fresh: FreshlySealed,
        request: UnverifiedStatement[OpeningRequest],
        logged: tuple[int, CommittedAct],
        trustee: TrusteeOfTests,
        court_order: UnverifiedStatement[CourtOrder] | None = None,
    ) -> Presentation:
        shown = self.log.show(*logged, kept=trustee.checkpoint)
        envelope = fresh.signed.unverified.quorum.slot_of(trustee.index).envelope
        return Presentation(request, shown, envelope, court_order)

    def state(self, trustee: TrusteeOfTests) -> HolderState:
        return HolderState(
            checkpoint=trustee.checkpoint,
            officer=self.officer,
            revocation=None,
            record=None if trustee.held is None else KnownRecord.of(trustee.held),
            attestation=self.attestation(),
        )

    def decide(self, presentation: Presentation, trustee: TrusteeOfTests) -> Granted:
        return decide(presentation, policy=self.policy(), state=self.state(trustee))

    def answer(
        self, granted: Granted, presentation: Presentation, trustee: TrusteeOfTests
    ) -> UnverifiedStatement[ShareAnswer]:
        """What a trustee does once it has leave."""
        held = trustee.held
        assert held is not None
        assert held.mask is not None
        share = unmask_share(
            presentation.envelope,
            mask=held.mask,
            recipient=trustee.recipient,
            record_id=held.version.record_id,
            number=held.version.number,
            epoch=held.epoch,
            index=held.index,
            share_hash=held.share_hash,
        )
        return build_answer(granted, share, index=trustee.index, signer=trustee.signer)

    def agency_answer(self, granted: Granted, record: SealedRecord) -> UnverifiedStatement[ShareAnswer]:
        half = open_agency_half(
            record.agency.envelope,
            recipient=self.agency_recipient,
            record_id=record.record_id,
            number=record.number,
            epoch=record.quorum.epoch,
        )
        return build_answer(granted, half, index=AGENCY_INDEX, signer=self.agency_signer)


def enrolled_act(record: UnverifiedStatement[SealedRecord], *, day: date) -> Act:
    details: Mapping[str, str | bytes] = {"type": "driving-licence", "record": record.digest}
    return Act(ActType.ENROLLED, day, ActorClass.REGISTRY, Personal(details))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
