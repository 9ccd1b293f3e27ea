"""Position 13: a server in foreign hands, that keeps all that passes."""

from diptych.drill.positions.p13_server_that_stays import POSITION
from diptych.drill.scene import Scene


def test_without_sealing_whoever_stays_reads_the_stock(scene: Scene) -> None:
    loot = POSITION.weakened(scene)
    assert loot.openings == 12
    assert not loot.holds


def test_whoever_stays_reads_those_who_come_and_nobody_else(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert loot.openings == 1  # the implant works
    assert loot.beyond == 0
