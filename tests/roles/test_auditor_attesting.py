"""An auditor attests what verifies, in public, and nothing else; whatever dies on the way, it goes on."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.tlog.entry import ActorClass, ActType, parse_entry
from diptych.protocols.certifying.standing import AttestationNews
from diptych.roles.auditor.attesting import Auditor
from diptych.roles.auditor.fakes import MemoryBook
from tests.auditing import AuditingTown
from tests.registry_town import RegistryTown

QUARTER = timedelta(days=90)


@pytest.fixture
def place() -> AuditingTown:
    town = RegistryTown()
    town.open_doors()
    return AuditingTown(town)


def attest(place: AuditingTown, auditor: Auditor | None = None, validity: timedelta = QUARTER) -> AttestationNews:
    auditor = auditor or place.auditor
    return auditor.attest(auditor.audit(), validity=validity, now=place.town.log.now, entropy=os.urandom)


def attested_in(place: AuditingTown) -> int:
    return [parse_entry(entry).act_type for entry in place.town.log.entries].count(ActType.AUDIT_ATTESTED)


def test_what_verifies_is_attested_in_public_and_every_trustee_knows(place: AuditingTown) -> None:
    place.town.log.now += timedelta(days=200)
    size = len(place.town.log.entries)
    news = attest(place)
    attestation = news.attestation.unverified
    assert attestation.size == size
    assert attestation.expires == (place.town.log.now + QUARTER).date()
    logged = parse_entry(place.town.log.entries[news.shown.receipt.index])
    assert (logged.act_type, logged.actor) == (ActType.AUDIT_ATTESTED, ActorClass.AUDITOR)
    for seat in place.town.seats:
        with seat.store.transaction() as state:
            assert state.attestation() == attestation


def test_a_second_audit_is_held_against_the_first(place: AuditingTown) -> None:
    attest(place)
    before = len(place.town.log.entries)
    assert attest(place).attestation.unverified.size == before


def test_a_log_that_was_rewritten_since_is_not_attested(place: AuditingTown) -> None:
    attest(place)
    place.town.log.entries[0] = place.town.log.entries[1]
    count = attested_in(place)
    report = place.auditor.audit()
    assert report.failure is not None
    assert report.failure.check == "tlog.fork"
    assert report.evidence is not None
    with pytest.raises(VerificationError, match=r"tlog\.fork"):
        attest(place)
    assert attested_in(place) == count


def test_an_auditor_that_forgot_the_first_audit_would_attest_it(place: AuditingTown) -> None:
    attest(place)
    place.town.log.entries[0] = place.town.log.entries[1]
    place.book = MemoryBook()
    assert place.auditor.audit().is_verified


def test_a_damaged_file_is_not_attested(place: AuditingTown) -> None:
    files = place.files
    damaged = {path: files.read(path, max_bytes=10**6) or b"" for path in files.paths() or ()}
    bundle = next(path for path in damaged if "entries" in path)
    damaged[bundle] = damaged[bundle][:-1] + bytes([damaged[bundle][-1] ^ 1])
    auditor = replace(place.auditor, files=type(files)(damaged))
    with pytest.raises(VerificationError):
        attest(place, auditor)
    assert place.book.waiting() is None


def test_an_auditor_that_nobody_accepts_is_told_so(place: AuditingTown) -> None:
    with pytest.raises(Refused, match=r"audit\.auditor"):
        attest(place, replace(place.auditor, signer=generate_signer()))


@pytest.mark.parametrize("validity", [timedelta(0), timedelta(days=401)])
def test_an_attestation_has_an_end_and_a_near_one(place: AuditingTown, validity: timedelta) -> None:
    with pytest.raises(FormatError, match=r"audit\.validity"):
        attest(place, validity=validity)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_dying_at_the_first_write_attests_once(place: AuditingTown, moment: str) -> None:
    count = attested_in(place)
    place.book.fail_once = moment
    with pytest.raises(Unavailable):
        attest(place)
    attest(place)
    assert attested_in(place) == count + 1
    assert place.book.waiting() is None


@pytest.mark.parametrize("what", ["log", "registry"])
def test_what_is_away_is_asked_again_with_the_same_attestation(place: AuditingTown, what: str) -> None:
    count = attested_in(place)
    place.town.called_log.is_down, place.line.is_down = what == "log", what == "registry"
    with pytest.raises(Unavailable):
        attest(place)
    waiting = place.book.waiting()
    assert waiting is not None
    place.town.called_log.is_down = place.line.is_down = False
    place.town.log.now += timedelta(days=1)
    assert attest(place).attestation == waiting.attestation
    assert attested_in(place) == count + 1


def test_dying_at_the_last_write_shows_the_same_attestation_again(place: AuditingTown) -> None:
    count = attested_in(place)
    auditor = place.auditor
    report = auditor.audit()
    place.book.keep(auditor._sign(report, validity=QUARTER, now=place.town.log.now, entropy=os.urandom))
    place.book.fail_once = "before"
    with pytest.raises(DiptychError, match=r"book\.failed"):
        attest(place)
    attest(place)
    assert attested_in(place) == count + 1


def test_one_that_was_never_published_and_is_over_by_now_gives_way(place: AuditingTown) -> None:
    place.line.is_down = True
    with pytest.raises(Unavailable):
        attest(place, validity=timedelta(days=2))
    place.line.is_down = False
    place.town.log.now += timedelta(days=10)
    assert attest(place).attestation.unverified.expires == (place.town.log.now + QUARTER).date()
