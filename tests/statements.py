"""One specimen of every statement that is exchanged in the registry, with the key that signs it."""

import os
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

from diptych.crypto import hpke
from diptych.crypto.lookup_prf import Round
from diptych.crypto.signing import SoftwareSigner, fingerprint
from diptych.formats.cose.statement import Kind, UnverifiedStatement
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION
from diptych.formats.mandate.court_order import COURT_ORDER
from diptych.formats.mandate.officer import (
    OFFICER_CERTIFICATE,
    OFFICER_REVOCATION,
    OfficerCertificate,
    OfficerRevocation,
    Role,
)
from diptych.formats.mandate.trustee_set import TRUSTEE_SET
from diptych.formats.record.sealed import SEALED_RECORD
from diptych.private import Personal, Secret
from diptych.protocols.ceremony.statements import (
    CEREMONY_CALL,
    CEREMONY_KEY,
    CEREMONY_MESSAGE,
    ROUND_CLOSED,
    CeremonyCall,
    CeremonyKey,
    CeremonyMessage,
    RoundClosed,
)
from diptych.protocols.depositing.deposit import ACKNOWLEDGEMENT, DEPOSIT, Acknowledgement
from diptych.protocols.depositing.erasure import DELETION, ERASURE_ORDER, Deletion, ErasureOrder
from diptych.protocols.depositing.prekey import PREKEY, PREKEY_REQUEST, Prekey, PrekeyRequest
from diptych.protocols.enrolling.enrolment import ENROLMENT, Enrolment
from diptych.protocols.enrolling.query import RECORD_QUERY, RecordQuery
from diptych.protocols.lookup.request import LOOKUP_ANSWER, LOOKUP_REQUEST, LookupAnswer, LookupRequest
from diptych.protocols.lookup.tags import TAG_REQUEST, TagRequest
from diptych.protocols.opening.answer import SHARE_ANSWER, ShareAnswer
from diptych.protocols.opening.outcome import OPENING_OUTCOME, OpeningOutcome
from diptych.protocols.opening.request import OPENING_REQUEST
from diptych.protocols.replacing.change import (
    CHANGE_KEY,
    CHANGE_OVER,
    TRUSTEE_CHANGE,
    ChangeKey,
    ChangeOver,
    TrusteeChange,
)
from diptych.protocols.replacing.recovery import (
    PIECES,
    RECOVERY_CALL,
    SUMS,
    TAKEN,
    Pieces,
    RecoveryCall,
    Sums,
    Taken,
    WantedRecord,
)
from tests.crypto.lookup_prf.setting import new_ceremony, seat
from tests.registry_world import World, content_of


@dataclass(frozen=True)
class Specimen:
    """A kind, one statement of it, and who signed it."""

    kind: Kind[Any]  # of any content: the tests are the same for all
    statement: UnverifiedStatement[Any]
    signer: SoftwareSigner


@cache
def specimens() -> dict[str, Specimen]:
    """By the kind's name, without its version."""
    world = World()
    now, agency, officer, trustee = world.log.now, world.agency, world.officer_signer, world.trustees[0]
    ids = {name: fingerprint(key.public_key) for name, key in (("agency", agency), ("officer", officer))}
    content = content_of(chain=Secret(bytes(range(32))))
    fresh = world.sealed(content)
    record = fresh.signed.unverified
    deposit, _ = world.deposit(fresh, trustee, content.chain)
    acknowledgement = Acknowledgement(trustee.name, record.record_id, 1, fresh.signed.digest, deposit.digest)
    reply = hpke.generate_recipient()
    sealed_share = hpke.seal(reply.public_key, bytes(32), info=b"")
    case = Personal("2026-4711")
    made: list[tuple[Kind[Any], Any, SoftwareSigner]] = [
        (
            OFFICER_CERTIFICATE,
            OfficerCertificate(
                ids["agency"], officer.public_key, frozenset((Role.OPEN, Role.FIND)), now, now + timedelta(days=365)
            ),
            agency,
        ),
        (OFFICER_REVOCATION, OfficerRevocation(ids["agency"], ids["officer"], now), agency),
        (AUDIT_ATTESTATION, world.attestation(), world.auditor),
        (COURT_ORDER, world.court_order(record, disclose_on=date(2027, 2, 1)).unverified, world.court),
        (TRUSTEE_SET, world.trustee_set, agency),
        (SEALED_RECORD, record, officer),
        (PREKEY_REQUEST, PrekeyRequest(ids["officer"], trustee.name, os.urandom(16), now), officer),
        (
            PREKEY,
            Prekey(trustee.name, ids["officer"], bytes(32), os.urandom(16), reply.public_key, now + timedelta(hours=1)),
            trustee.signer,
        ),
        (DEPOSIT, deposit.unverified, officer),
        (ACKNOWLEDGEMENT, acknowledgement, trustee.signer),
        (
            ERASURE_ORDER,
            ErasureOrder(ids["officer"], record.record_id, fresh.signed.digest, "fr.erasure", case, now),
            officer,
        ),
        (DELETION, Deletion(trustee.name, record.record_id, fresh.signed.digest, bytes(32), now), trustee.signer),
        (
            ENROLMENT,
            Enrolment(
                ids["officer"],
                fresh.signed,
                "driving-licence",
                None,
                content.chain,
                content.lookups,
                (bytes(16), b"\x01" * 16),
                (ACKNOWLEDGEMENT.sign(acknowledgement, signer=trustee.signer),),
            ),
            officer,
        ),
        (
            LOOKUP_REQUEST,
            LookupRequest(ids["officer"], "identity", "fr.enrolment", 1, os.urandom(16), now, os.urandom(288)),
            officer,
        ),
        (LOOKUP_ANSWER, LookupAnswer(trustee.name, bytes(32), "identity", 1, 1, os.urandom(288)), trustee.signer),
        (
            TAG_REQUEST,
            TagRequest(ids["officer"], "identity", "fr.enrolment", os.urandom(16), now, (Secret(bytes(32)),) * 4),
            officer,
        ),
        (OPENING_REQUEST, world.request(fresh, reply=reply).unverified, officer),
        (
            CEREMONY_CALL,
            CeremonyCall(
                ids["agency"],
                "identity",
                3,
                bytes(32),
                {other.index: other.signer.public_key for other in world.trustees},
                (1, 2, 3, 4, 5),
                (1, 2, 3, 4, 5),
                None,
            ),
            agency,
        ),
        (CEREMONY_KEY, CeremonyKey(trustee.name, bytes(32), reply.public_key), trustee.signer),
        (CEREMONY_MESSAGE, CeremonyMessage(trustee.name, bytes(32), seat(new_ceremony())[1][0]), trustee.signer),
        (ROUND_CLOSED, RoundClosed(ids["agency"], bytes(32), Round.COMMITS), agency),
        (RECORD_QUERY, RecordQuery(ids["officer"], record.record_id, now), officer),
        (OPENING_OUTCOME, OpeningOutcome(ids["officer"], bytes(32), True, now), officer),
        (
            TRUSTEE_CHANGE,
            TrusteeChange(
                ids["agency"],
                2,
                bytes(32),
                world.trustee_set.threshold,
                world.trustee_set.trustees,
                world.trustee_set.spares,
                bytes(32),
                now + timedelta(days=30),
            ),
            agency,
        ),
        (CHANGE_KEY, ChangeKey(trustee.name, bytes(32), reply.public_key), trustee.signer),
        (CHANGE_OVER, ChangeOver(ids["agency"], bytes(32)), agency),
        (
            RECOVERY_CALL,
            RecoveryCall(
                ids["agency"], bytes(32), 6, (1, 2, 4), (WantedRecord(record.record_id, fresh.signed.digest),)
            ),
            agency,
        ),
        (PIECES, Pieces(trustee.name, bytes(32), 1, (0,), {1: sealed_share, 2: sealed_share}), trustee.signer),
        (SUMS, Sums(trustee.name, bytes(32), 1, sealed_share), trustee.signer),
        (TAKEN, Taken(trustee.name, bytes(32), (None, "recovery.share")), trustee.signer),
        (SHARE_ANSWER, ShareAnswer(trustee.name, bytes(32), record.record_id, 1, 1, sealed_share), trustee.signer),
    ]
    return {
        kind.purpose.removeprefix("diptych ").removesuffix(" 1"): Specimen(
            kind, kind.sign(content, signer=signer), signer
        )
        for kind, content, signer in made
    }


NAMES = (

    "officer certificate", "officer revocation", "audit attestation", "court order", "trustee set", "record",
    "prekey request", "prekey", "deposit", "acknowledgement", "erasure order", "deletion", "enrolment",
    "lookup request", "lookup answer", "tag request", "opening request", "ceremony call", "ceremony key",
    "ceremony message", "ceremony close", "record query", "opening outcome", "trustee change", "change key",
    "change over", "recovery call", "recovery pieces", "recovery sums", "recovery taken", "share answer",
)  # fmt: skip
