"""Position 20: an old copy of a database put back."""

from diptych.drill.positions.p20_restored_database import POSITION
from diptych.drill.scene import Scene


def test_a_log_that_does_not_ask_its_witnesses_answers_from_the_past(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 1


def test_neither_log_nor_registry_nor_wallet_answers_from_the_past(scene: Scene) -> None:
    assert POSITION.ours(scene).openings == 0
