"""Position 6: one trustee too few, and the agency. With a quorum of two they would be enough."""

from diptych.drill.positions.p06_one_too_few import POSITION
from diptych.drill.scene import Scene


def test_a_quorum_of_two_falls_with_two_trustees_and_the_agency(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 12


def test_two_trustees_of_five_and_the_agency_open_no_record(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert (loot.canaries, loot.openings) == (0, 0)
