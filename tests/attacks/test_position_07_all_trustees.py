"""Position 7: all trustees without the agency. With the agency's half among them they read everybody."""

from diptych.drill.positions.p07_all_trustees import POSITION
from diptych.drill.scene import Scene


def test_all_trustees_read_everybody_where_the_agency_s_half_lies_with_one(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 12


def test_all_trustees_without_the_agency_open_no_record(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert (loot.canaries, loot.openings) == (0, 0)
