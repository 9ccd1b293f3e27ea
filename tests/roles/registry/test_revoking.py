"""An officer's standing is withdrawn: nobody answers the key any more, whoever was away meanwhile."""

import os

import pytest

from diptych.crypto.signing import SoftwareSigner, fingerprint, generate_signer
from diptych.errors import Refused, Unavailable, VerificationError
from diptych.formats.mandate.officer import OFFICER_REVOCATION, OfficerRevocation
from diptych.roles.officer.counter import Found, Reason
from diptych.roles.registry.revoking import Revoked, revoke_officer
from tests.officer_town import OfficerTown
from tests.registry_world import MARIE, OWN_BASIS, content_of

NAMES = tuple(f"Trustee {index}" for index in range(1, 6))


@pytest.fixture
def town() -> OfficerTown:
    return OfficerTown()


def revoke(town: OfficerTown, officer: SoftwareSigner, agency: SoftwareSigner | None = None) -> Revoked:
    signer = agency or town.agency
    end = OfficerRevocation(fingerprint(signer.public_key), fingerprint(officer.public_key), town.log.now)
    return revoke_officer(
        town.registry,
        OFFICER_REVOCATION.sign(end, signer=signer),
        town.called_trustees,
        now=town.log.now,
        most=100,
        notice=lambda name, check: town.notices.append((name, check)),
    )


def find(town: OfficerTown) -> Found:
    return town.workstation.find(MARIE, legal_basis="enrolment", now=town.log.now, entropy=os.urandom)


def test_an_officer_whose_key_was_revoked_finds_and_opens_nothing(town: OfficerTown) -> None:
    enrolled = town.workstation.enrol(
        find(town),
        status=MARIE,
        documents=content_of().documents,
        references=(),
        document_type="driving-licence",
        now=town.log.now,
        entropy=os.urandom,
    )
    town.deliver()
    own = fingerprint(town.officer_signer.public_key)
    assert revoke(town, town.officer_signer) == Revoked(own, True, NAMES, ())
    with pytest.raises(Unavailable, match=r"Trustee 1 \(officer.revoked\)"):
        find(town)
    reason = Reason(OWN_BASIS, "what is written about me?", "2026-1")
    with pytest.raises(Refused, match="revoked"):
        town.workstation.open(enrolled.record_id, reason, now=town.log.now, entropy=os.urandom)


def test_a_trustee_that_is_away_is_named_and_told_when_it_is_back(town: OfficerTown) -> None:
    town.called_trustees.down = {2, 4}
    revoked = revoke(town, town.officer_signer)
    assert (revoked.told, revoked.waiting) == (("Trustee 1", "Trustee 3", "Trustee 5"), ("Trustee 2", "Trustee 4"))
    assert town.notices == [("Trustee 2", "trustee.unreachable"), ("Trustee 4", "trustee.unreachable")]
    town.called_trustees.down = set()
    assert town.deliver() == 0
    own = fingerprint(town.officer_signer.public_key)
    for seat in town.seats:
        with seat.store.transaction() as state:
            assert state.revocation(own) is not None


def test_it_waits_for_no_log(town: OfficerTown) -> None:
    town.called_log.is_down = True
    assert revoke(town, town.officer_signer).told == NAMES


def test_a_certificate_that_was_still_on_its_way_is_of_no_use_and_waits_no_longer(town: OfficerTown) -> None:
    late = generate_signer()
    town.called_trustees.down = {5}
    town.admit(late)
    town.called_trustees.down = set()
    assert revoke(town, late) == Revoked(fingerprint(late.public_key), True, NAMES, ())
    assert town.registry.store.deliveries(most=9) == ()
    with town.seats[4].store.transaction() as state:
        assert state.officer(fingerprint(late.public_key)) is None


def test_a_key_that_nobody_knows_can_be_revoked_and_is_said_to_be_unknown(town: OfficerTown) -> None:
    assert not revoke(town, generate_signer()).was_known


def test_nobody_but_the_agency_revokes(town: OfficerTown) -> None:
    with pytest.raises(VerificationError):
        revoke(town, town.officer_signer, agency=generate_signer())
    assert town.registry.store.deliveries(most=9) == ()
    find(town)
