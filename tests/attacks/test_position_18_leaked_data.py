"""Position 18: leaked data shown as an identity."""

from diptych.drill.positions.p18_leaked_data import POSITION
from diptych.drill.scene import Scene


def test_a_verifier_that_does_not_ask_for_the_device_s_key_believes_what_leaked(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 1


def test_what_a_shop_leaks_is_not_believed_at_the_bank(scene: Scene) -> None:
    assert POSITION.ours(scene).openings == 0
