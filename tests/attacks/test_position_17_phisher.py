"""Position 17: an unregistered verifier, one that over-asks, and a relayed request."""

from diptych.drill.positions.p17_phisher import POSITION
from diptych.drill.scene import Scene


def test_a_wallet_that_does_not_look_at_registrations_answers_whoever_over_asks(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 1


def test_a_phisher_reads_no_answer_from_a_person_who_agrees_to_everything(scene: Scene) -> None:
    assert POSITION.ours(scene).openings == 0
