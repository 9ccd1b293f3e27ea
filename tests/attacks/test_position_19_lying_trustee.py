"""Position 19: trustees that lie or are silent, up to n - k of them.

One more stops the service; where nobody checks a share, one liar spoils a secret unseen.
"""

import os
from datetime import timedelta

import pytest

from diptych.crypto import sharing
from diptych.errors import Refused
from diptych.private import Secret
from diptych.roles.officer.counter import Reason
from tests.officer_town import OfficerTown, starting_at
from tests.registry_world import BASIS, COUNT, MARIE, THRESHOLD, content_of

REASON = Reason(BASIS, "re-issue after a lost wallet, with the citizen present", "2026-4711")


def test_a_lie_that_nobody_checks_spoils_the_secret_unseen() -> None:
    """The weakened build: shares without hashes, combined as they come."""
    secret = Secret(os.urandom(32))
    shares = sharing.split(secret, threshold=THRESHOLD, indices=range(1, COUNT + 1), entropy=os.urandom)
    lied = Secret(bytes([shares[1].reveal()[0] ^ 1]) + shares[1].reveal()[1:])
    found = sharing.combine({1: lied, 2: shares[2], 3: shares[3]}, threshold=THRESHOLD)
    assert found.reveal() != secret.reveal()


def test_one_silent_trustee_more_than_n_minus_k_stops_everybody() -> None:
    """The weakened build: as many away as a quorum of all would not survive."""
    town = OfficerTown()
    record_id = enrolled(town)
    town.holders.down = {1, 2, 3}
    with pytest.raises(Refused, match=r"opening\.refused"):
        town.workstation.open(record_id, REASON, now=town.log.now, entropy=os.urandom)


@pytest.mark.parametrize(
    ("lying", "down"), [({1}, {5}), ({1, 2}, set()), (set(), {4, 5})], ids=["one of each", "two liars", "two silent"]
)
def test_liars_and_the_silent_are_named_and_the_service_goes_on(lying: set[int], down: set[int]) -> None:
    town = OfficerTown()
    record_id = enrolled(town)
    town.holders.lying, town.holders.down = lying, down
    named_finding, named_opening = set[int](), set[int]()
    for first in range(1, COUNT + 1):
        town.log.now += timedelta(seconds=1)
        found = town.workstation.find(MARIE, legal_basis="enrolment", now=town.log.now, entropy=starting_at(first))
        assert found.matches == (record_id,)
        named_finding |= set(found.named)
        read = town.workstation.open(record_id, REASON, now=town.log.now, entropy=starting_at(first))
        assert read.content.civil_status == MARIE
        named_opening |= set(read.named)
    assert named_finding == named_opening == lying | down


def enrolled(town: OfficerTown) -> bytes:
    found = town.workstation.find(MARIE, legal_basis="enrolment", now=town.log.now, entropy=os.urandom)
    return town.workstation.enrol(
        found,
        status=MARIE,
        documents=content_of().documents,
        references=(),
        document_type="driving-licence",
        now=town.log.now,
        entropy=os.urandom,
    ).record_id
