"""Position 5: one trustee wholly. Run by one hand, its thief has them all."""

from diptych.drill.positions.p05_one_trustee import POSITION
from diptych.drill.quorum import ENROLLED
from diptych.drill.scene import Scene


def test_the_thief_of_one_trustee_has_all_where_one_hand_runs_them(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 12 + ENROLLED


def test_one_trustee_and_every_database_open_no_record(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert (loot.canaries, loot.openings) == (0, 0)
