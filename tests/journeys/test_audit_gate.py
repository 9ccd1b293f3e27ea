"""The audit lapses: trustees give some weeks; then no officer opens anything, and every citizen still may."""

import os
from datetime import timedelta

import pytest

from diptych.errors import Refused
from diptych.formats.record.content import Reference
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.private import Personal
from diptych.roles.officer.counter import Enrolled, Read, Reason
from tests.auditing import AuditingTown
from tests.officer_town import OfficerTown
from tests.registry_world import BASIS, MARIE, OWN_BASIS, content_of

OFFICERS = Reason(BASIS, "re-issue after a lost wallet, with the citizen present", "2026-4711")
CITIZENS = Reason(OWN_BASIS, "Marie asks what is written about her", "2026-4712")


def enrol(town: OfficerTown) -> Enrolled:
    found = town.workstation.find(MARIE, legal_basis="enrolment", now=town.log.now, entropy=os.urandom)
    return town.workstation.enrol(
        found,
        status=MARIE,
        documents=content_of().documents,
        references=(Reference("document-number", Personal("X7RTPL4T1")),),
        document_type="driving-licence",
        now=town.log.now,
        entropy=os.urandom,
    )


def opened(town: OfficerTown, record_id: bytes, reason: Reason) -> Read:
    return town.workstation.open(record_id, reason, now=town.log.now, entropy=os.urandom)


def test_a_lapsed_audit_stops_officers_after_its_grace_and_citizens_never() -> None:
    town = OfficerTown()
    place = AuditingTown(town)
    marie = enrol(town)

    # The auditor verifies the log whole, says so in public, and every trustee is shown it.
    auditor = place.auditor
    news = auditor.attest(auditor.audit(), validity=timedelta(days=90), now=town.log.now, entropy=os.urandom)
    ends = news.attestation.unverified.expires
    assert opened(town, marie.record_id, OFFICERS).content == marie.content

    # Nobody audits any more. On the last day of the grace period an officer is still answered.
    grace = town.policy().audit_grace
    town.log.now += ends + grace - town.log.now.date()
    assert opened(town, marie.record_id, OFFICERS).content == marie.content

    # On the day after, none is: not one trustee answers, nor the agency, and that is in the log.
    town.log.now += timedelta(days=1)
    with pytest.raises(Refused, match=r"opening\.refused.*audit\.lapsed"):
        opened(town, marie.record_id, OFFICERS)
    assert parse_entry(town.log.entries[-1]).act_type is ActType.OPENING_REFUSED

    # What Marie asks for herself, no auditor holds up.
    assert opened(town, marie.record_id, CITIZENS).content == marie.content

    # An audit takes up where the last one ended, and officers work again.
    auditor = place.auditor
    auditor.attest(auditor.audit(), validity=timedelta(days=90), now=town.log.now, entropy=os.urandom)
    assert opened(town, marie.record_id, OFFICERS).content == marie.content
