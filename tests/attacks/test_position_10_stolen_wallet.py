"""Position 10: a stolen, locked wallet."""

from diptych.drill.positions.p10_stolen_wallet import POSITION
from diptych.drill.scene import Scene


def test_a_wallet_that_does_not_seal_is_read(scene: Scene) -> None:
    assert POSITION.weakened(scene).canaries > 0


def test_the_file_of_a_locked_wallet_tells_nothing_and_does_not_open(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert (loot.canaries, loot.openings) == (0, 0)
