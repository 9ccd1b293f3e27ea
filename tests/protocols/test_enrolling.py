"""What the registry takes: a record sealed to this trustee set, signed by its sealer, acknowledged by everyone."""

import os
from dataclasses import replace

import pytest

from diptych.crypto.hpke import generate_recipient
from diptych.crypto.signing import generate_signer
from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.formats.record.sealed import SEALED_RECORD
from diptych.formats.record.sealing import Predecessor
from diptych.private import Secret
from diptych.protocols.depositing.deposit import ACKNOWLEDGEMENT, Acknowledgement, RecordVersion
from diptych.protocols.enrolling.enrolment import ENROLMENT, Enrolment, verify_enrolment
from tests.registry_world import World, content_of

WORLD = World()
CONTENT = content_of()
FRESH = WORLD.sealed(CONTENT)


def acknowledged(version: RecordVersion) -> tuple[UnverifiedStatement[Acknowledgement], ...]:
    return tuple(
        ACKNOWLEDGEMENT.sign(
            Acknowledgement(trustee.name, version.record_id, version.number, version.record_hash, bytes(32)),
            signer=trustee.signer,
        )
        for trustee in WORLD.trustees
    )


GOOD = Enrolment(
    WORLD.officer.certificate.officer,
    FRESH.signed,
    "driving-licence",
    None,
    CONTENT.chain,
    CONTENT.lookups,
    (bytes(16),),
    acknowledged(RecordVersion.of(FRESH.signed)),
)


def verify(enrolment: Enrolment, trustees: TrusteeSet = WORLD.trustee_set) -> Enrolment:
    statement = ENROLMENT.parse(ENROLMENT.sign(enrolment, signer=WORLD.officer_signer).encode())
    return verify_enrolment(
        statement, officer_key=WORLD.officer_signer.public_key, trustees=trustees, now=WORLD.log.now
    ).content


def refused(enrolment: Enrolment = GOOD, trustees: TrusteeSet = WORLD.trustee_set) -> str:
    with pytest.raises(DiptychError) as caught:
        verify(enrolment, trustees)
    return caught.value.check


def test_an_enrolment_holds_when_record_sealer_and_acknowledgements_do() -> None:
    assert verify(GOOD) == GOOD


def test_a_correction_brings_a_reason_and_no_chain() -> None:
    fresh = WORLD.sealed(CONTENT, predecessor=Predecessor(FRESH.signed.unverified.record_id, 1, FRESH.signed.digest))
    correction = replace(
        GOOD,
        record=fresh.signed,
        reason="nom rectifié",
        chain=None,
        acknowledgements=acknowledged(RecordVersion.of(fresh.signed)),
    )
    assert verify(correction) == correction
    for wrong in (
        replace(correction, reason=None),
        replace(correction, chain=Secret(bytes(32))),
        replace(GOOD, chain=None),
        replace(GOOD, reason="no reason"),
    ):
        assert refused(wrong) == "enrolment.chain"


def test_a_trustee_that_did_not_acknowledge_this_version_is_missed() -> None:
    assert refused(replace(GOOD, acknowledgements=GOOD.acknowledgements[:-1])) == "enrolment.acknowledgements"
    twice = (*GOOD.acknowledgements[:-1], GOOD.acknowledgements[0])
    assert refused(replace(GOOD, acknowledgements=twice)) == "statement.signer"
    other = acknowledged(RecordVersion.of(WORLD.sealed(CONTENT).signed))
    assert refused(replace(GOOD, acknowledgements=other)) == "acknowledgement.record"


def test_a_record_that_another_officer_sealed_or_signed_is_refused() -> None:
    forged = replace(FRESH.signed, signature=replace(FRESH.signed.signature, signature=bytes(63) + b"\x01"))
    assert refused(replace(GOOD, record=forged)) == "signature"
    stranger = generate_signer()
    record = replace(FRESH.signed.unverified, sealer=os.urandom(32))
    with pytest.raises(VerificationError):
        SEALED_RECORD.sign(record, signer=stranger)
    assert refused(replace(GOOD, officer=os.urandom(32))) == "statement.signer"


def test_a_record_sealed_to_another_key_threshold_or_epoch_is_refused() -> None:
    others = WORLD.trustee_set
    strange = replace(others.trustees[2], recipient=generate_recipient().public_key)
    for trustees, check in (
        (replace(others, epoch=2), "record.quorum"),
        (replace(others, threshold=2), "record.quorum"),
        (replace(others, spares=(6,)), "record.quorum"),
        (replace(others, trustees=(*others.trustees[:2], strange, *others.trustees[3:])), "record.trustees"),
        (replace(others, agency_key=generate_recipient().public_key), "record.agency"),
    ):
        assert refused(trustees=trustees) == check


def test_records_seen_are_ascending_each_once() -> None:
    for seen in ((b"\x02" * 16, b"\x01" * 16), (bytes(16), bytes(16)), (bytes(15),)):
        with pytest.raises(FormatError):
            ENROLMENT.sign(replace(GOOD, seen=seen), signer=WORLD.officer_signer)
