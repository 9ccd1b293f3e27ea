"""Position 11: verifiers who pool all that they received."""

from diptych.drill.positions.p11_pooled_verifiers import POSITION
from diptych.drill.scene import Scene


def test_one_copy_shown_to_everybody_links_every_answer(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 4


def test_no_two_proofs_of_one_citizen_are_linked(scene: Scene) -> None:
    assert POSITION.ours(scene).openings == 0
