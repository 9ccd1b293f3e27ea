"""Enrolling and correcting: a record is sealed, its masks are kept by every trustee, and it is stored and logged."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import fingerprint
from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.formats.civil_status.inputs import INDEXED
from diptych.formats.civil_status.model import CivilStatus
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.record.content import CHAIN_BYTES, RecordContent, Reference
from diptych.formats.record.sealing import FreshlySealed, Predecessor, seal_record
from diptych.formats.tlog.shown_act import parse_shown_act, verify_shown_act
from diptych.private import Secret
from diptych.protocols.depositing.deposit import (
    ACKNOWLEDGEMENT,
    Acknowledgement,
    RecordVersion,
    build_deposit,
    verify_acknowledgement,
    verify_prekey,
)
from diptych.protocols.depositing.prekey import NONCE_BYTES, PREKEY, PREKEY_REQUEST, PrekeyRequest
from diptych.protocols.enrolling.enrolment import ENROLMENT, Enrolment
from diptych.roles.officer.counter import Enrolled, Found, Read
from diptych.roles.officer.desk import Desk


def enrol(
    desk: Desk,
    found: Found,
    *,
    status: CivilStatus,
    documents: tuple[OrderedDocument, ...],
    references: tuple[Reference, ...],
    document_type: str,
    now: datetime,
    entropy: Entropy,
) -> Enrolled:
    """A new record of a person who is none of those that were found: the officer has judged that.

    `Conflict` "enrolment.duplicate" where somebody else enrolled the person meanwhile: find again.
    """
    content = RecordContent(status, _lookups(desk, found), documents, references, Secret(entropy(CHAIN_BYTES)))
    return _store(desk, content, None, None, document_type=document_type, seen=found.matches, now=now, entropy=entropy)


def correct(
    desk: Desk,
    read: Read,
    found: Found,
    content: RecordContent,
    *,
    reason: str,
    document_type: str,
    now: datetime,
    entropy: Entropy,
) -> Enrolled:
    """A new version of a record that was opened, under the same label chain."""
    corrected = replace(content, lookups=_lookups(desk, found), chain=read.content.chain)
    predecessor = Predecessor(read.record_id, read.number, read.record_hash)
    return _store(
        desk, corrected, predecessor, reason, document_type=document_type, seen=found.matches, now=now, entropy=entropy
    )


def _store(
    desk: Desk,
    content: RecordContent,
    predecessor: Predecessor | None,
    reason: str | None,
    *,
    document_type: str,
    seen: tuple[bytes, ...],
    now: datetime,
    entropy: Entropy,
) -> Enrolled:
    now, trustees = now.replace(microsecond=0), desk.trustees(now)
    fresh = seal_record(
        content,
        trustees=trustees,
        retention=desk.retention,
        signer=desk.signer,
        sealer=desk.own,
        predecessor=predecessor,
        entropy=entropy,
    )
    version, chain = RecordVersion.of(fresh.signed), content.chain if predecessor is None else None
    acknowledgements = _deposit(desk, fresh, chain, trustees, now=now, entropy=entropy)
    enrolment = ENROLMENT.sign(
        Enrolment(desk.own, fresh.signed, document_type, reason, chain, content.lookups, seen, acknowledgements),
        signer=desk.signer,
    )
    shown = parse_shown_act(desk.registry.send("enrolments", enrolment.encode()))
    act = verify_shown_act(shown, policy=desk.log_policy, kept=None).act
    if act.details.reveal().get("record") != version.record_hash:
        raise VerificationError("enrolment.act", "the act that was logged commits to another record")
    return Enrolled(version.record_id, version.number, version.record_hash, content)


def _deposit(
    desk: Desk,
    fresh: FreshlySealed,
    chain: Secret | None,
    trustees: TrusteeSet,
    *,
    now: datetime,
    entropy: Entropy,
) -> tuple[UnverifiedStatement[Acknowledgement], ...]:
    """A mask for each trustee, and everyone's word that it is kept. All of them, or nothing is enrolled."""
    asked = {
        trustee.index: PREKEY_REQUEST.sign(
            PrekeyRequest(desk.own, fingerprint(trustee.signer), entropy(NONCE_BYTES), now), signer=desk.signer
        )
        for trustee in trustees.trustees
    }
    deposits: dict[int, bytes] = {}
    bodies = {index: request.encode() for index, request in asked.items()}
    for trustee, answer in desk.ask(trustees.trustees, "prekeys", bodies):
        prekey = verify_prekey(
            PREKEY.parse(_named(answer, trustee)),
            trustee_key=trustee.signer,
            expected_request=asked[trustee.index].digest,
            now=now,
        )
        deposits[trustee.index] = build_deposit(
            fresh.signed,
            index=trustee.index,
            prekey=prekey,
            mask=fresh.masks[trustee.index],
            chain=chain,
            signer=desk.signer,
        ).encode()
    version = RecordVersion.of(fresh.signed)
    kept: dict[int, UnverifiedStatement[Acknowledgement]] = {}
    for trustee, answer in desk.ask(trustees.trustees, "deposits", deposits):
        acknowledgement = ACKNOWLEDGEMENT.parse(_named(answer, trustee))
        verify_acknowledgement(acknowledgement, trustee_key=trustee.signer, expected_version=version, now=now)
        kept[trustee.index] = acknowledgement
    if len(kept) < len(trustees.trustees):
        raise Unavailable("deposit.silent", "not every trustee has taken its mask: try again in a moment")
    return tuple(kept[trustee.index] for trustee in trustees.trustees)


def _lookups(desk: Desk, found: Found) -> Mapping[str, tuple[Secret, ...]]:
    return {desk.purpose: tuple(found.values[position] for position in INDEXED)}


def _named(answer: bytes | DiptychError, trustee: Trustee) -> bytes:
    """The answer; a refusal under the trustee's name, for the officer to know whom to call."""
    if isinstance(answer, DiptychError):
        raise type(answer)(answer.check, f"{trustee.name}: {answer.message}")
    return answer
