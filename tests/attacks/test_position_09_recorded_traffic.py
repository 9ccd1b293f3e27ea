"""Position 9: recorded traffic whose TLS is broken later."""

from diptych.drill.positions.p09_recorded_traffic import POSITION
from diptych.drill.scene import Scene


def test_without_sealing_the_counter_s_lines_tell_everything(scene: Scene) -> None:
    assert POSITION.weakened(scene).canaries > 0


def test_the_counter_s_lines_without_any_tls_tell_nothing(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert scene.ours.traffic.stat().st_size > 100_000  # the orders really went through it
    assert loot.canaries == 0
