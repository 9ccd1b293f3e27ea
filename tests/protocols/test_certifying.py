"""Mandates count once they are public: officers, auditors, trustee sets."""

from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.signing import fingerprint, generate_signer
from diptych.errors import Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.attestation import AuditAttestation
from diptych.formats.mandate.officer import (
    OFFICER_CERTIFICATE,
    OFFICER_REVOCATION,
    OfficerCertificate,
    OfficerRevocation,
    Role,
)
from diptych.formats.mandate.trustee_set import TRUSTEE_SET
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.protocols.certifying.audits import accept_attestation, check_audit
from diptych.protocols.certifying.officers import check_officer, honour_officer, revoke_officer
from diptych.protocols.certifying.trustee_sets import accept_trustee_set
from tests.registry_world import World, verified

NOBODY = generate_signer()


def certificate_of(world: World) -> UnverifiedStatement[OfficerCertificate]:
    return OFFICER_CERTIFICATE.sign(world.officer.certificate, signer=world.agency)


def honoured(world: World, certificate: UnverifiedStatement[OfficerCertificate], **changed: object) -> object:
    published = {
        "title": "officer",
        "act_type": ActType.OFFICER_CERTIFIED,
        "actor": ActorClass.AGENCY,
        "digest": certificate.digest,
        **changed,
    }
    shown = world.log.publish(**published)  # type: ignore[arg-type]
    return honour_officer(certificate, verified(shown), agency_key=world.agency.public_key, known=None, revocation=None)


def test_a_certificate_counts_from_the_logs_time_in_its_receipt() -> None:
    world = World()
    found = world.certified(generate_signer())
    assert found.certified_at > world.log.now
    assert found.certified_at - world.log.now < timedelta(seconds=10)


@pytest.mark.parametrize(
    "changed",
    [{"digest": bytes(32)}, {"actor": ActorClass.OFFICER}, {"act_type": ActType.POLICY_CHANGED}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_receipt_of_another_act_certifies_nobody(changed: dict[str, object]) -> None:
    world = World()
    with pytest.raises(VerificationError, match=r"certifying\.act"):
        honoured(world, certificate_of(world), **changed)


def test_only_the_agency_certifies() -> None:
    world = World()
    own = replace(world.officer.certificate, agency=fingerprint(NOBODY.public_key))
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        honoured(world, OFFICER_CERTIFICATE.sign(own, signer=NOBODY))


def test_a_renewed_certificate_keeps_its_time_and_one_with_more_roles_waits_again() -> None:
    world, signer = World(), generate_signer()
    first = world.certified(signer, frozenset((Role.FIND, Role.OPEN)))
    world.log.now += timedelta(days=30)
    renewed = world.certified(signer, frozenset((Role.OPEN,)), known=first)
    assert renewed.certified_at == first.certified_at
    promoted = world.certified(signer, frozenset((Role.OPEN, Role.ERASE)), known=renewed)
    assert promoted.certified_at > first.certified_at + timedelta(days=29)


def test_showing_an_older_certificate_again_gives_back_no_role() -> None:
    world = World()
    older = certificate_of(world)
    newer = replace(
        world.officer.certificate,
        roles=frozenset((Role.FIND,)),
        valid_from=world.officer.certificate.valid_from + timedelta(hours=1),
    )
    known = replace(world.officer, certificate=newer)
    shown = world.log.publish("again", ActType.OFFICER_CERTIFIED, ActorClass.AGENCY, older.digest)
    found = honour_officer(older, verified(shown), agency_key=world.agency.public_key, known=known, revocation=None)
    assert found == known


def test_a_revoked_key_is_never_certified_again() -> None:
    world = World()
    statement = OFFICER_REVOCATION.sign(
        OfficerRevocation(fingerprint(world.agency.public_key), world.officer.certificate.officer, world.log.now),
        signer=world.agency,
    )
    revocation = revoke_officer(statement, agency_key=world.agency.public_key, now=world.log.now)
    certificate = certificate_of(world)
    shown = world.log.publish("again", ActType.OFFICER_CERTIFIED, ActorClass.AGENCY, certificate.digest)
    with pytest.raises(Refused, match=r"officer\.revoked"):
        honour_officer(
            certificate,
            verified(shown),
            agency_key=world.agency.public_key,
            known=world.officer,
            revocation=revocation,
        )
    with pytest.raises(Refused, match=r"officer\.revoked"):
        check_officer(
            world.officer,
            revocation=revocation,
            roles=frozenset(Role),
            now=world.log.now,
            waiting_time=timedelta(0),
        )
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        revoke_officer(statement, agency_key=NOBODY.public_key, now=world.log.now)


def accepted(world: World, attestation: AuditAttestation, latest: AuditAttestation | None = None) -> AuditAttestation:
    statement = world.signed_attestation(attestation)
    shown = world.log.publish("audit", ActType.AUDIT_ATTESTED, ActorClass.AUDITOR, statement.digest)
    auditors = {fingerprint(world.auditor.public_key): world.auditor.public_key}
    return accept_attestation(statement, verified(shown), auditors=auditors, latest=latest)


def test_an_attestation_stands_until_one_that_stands_longer() -> None:
    world = World()
    first = accepted(world, world.attestation())
    shorter = world.attestation(first.expires - timedelta(days=1))
    assert accepted(world, shorter, first) == first
    longer = world.attestation(first.expires + timedelta(days=1))
    assert accepted(world, longer, first) == longer


def test_an_attestation_by_a_stranger_of_another_log_or_of_more_than_there_is_counts_for_nothing() -> None:
    world = World()
    statement = world.signed_attestation(world.attestation())
    shown = verified(world.log.publish("audit", ActType.AUDIT_ATTESTED, ActorClass.AUDITOR, statement.digest))
    with pytest.raises(Refused, match=r"audit\.auditor"):
        accept_attestation(statement, shown, auditors={}, latest=None)
    for change in ({"origin": "log.other.example"}, {"size": 10**6}):
        with pytest.raises(VerificationError, match=r"audit\.checkpoint"):
            accepted(world, replace(world.attestation(), **change))  # type: ignore[arg-type]
    ahead = replace(world.attestation(), size=len(world.log.entries) + 1)
    with pytest.raises(VerificationError, match=r"audit\.fork"):
        accepted(world, ahead)


def test_an_audit_lapses_the_day_after_its_grace() -> None:
    world = World()
    attestation = world.attestation()
    last = world.log.now.replace(hour=23) + timedelta(days=90 + 14)
    since, grace = world.log.now.date(), timedelta(days=14)
    check_audit(attestation, since=since, grace=grace, now=last)
    with pytest.raises(Refused, match=r"audit\.lapsed"):
        check_audit(attestation, since=since, grace=grace, now=last + timedelta(hours=1))
    check_audit(None, since=since, grace=grace, now=world.log.now + timedelta(days=14))
    with pytest.raises(Refused, match=r"audit\.lapsed"):
        check_audit(None, since=since, grace=grace, now=world.log.now + timedelta(days=15))


def test_a_trustee_set_counts_once_public_and_never_goes_back() -> None:
    world = World()

    def accept(epoch: int, act_type: ActType, latest: int | None) -> int:
        statement = TRUSTEE_SET.sign(replace(world.trustee_set, epoch=epoch), signer=world.agency)
        shown = world.log.publish("trustees", act_type, ActorClass.AGENCY, statement.digest)
        known = None if latest is None else replace(world.trustee_set, epoch=latest)
        return accept_trustee_set(statement, verified(shown), agency_key=world.agency.public_key, latest=known).epoch

    assert accept(1, ActType.KEY_CEREMONY, None) == 1
    assert accept(2, ActType.TRUSTEE_SET_CHANGED, 1) == 2
    with pytest.raises(VerificationError, match=r"trustee_set\.epoch"):
        accept(1, ActType.KEY_CEREMONY, 2)
    with pytest.raises(VerificationError, match=r"certifying\.act"):
        accept(1, ActType.TRUSTEE_SET_CHANGED, None)
