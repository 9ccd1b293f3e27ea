"""Position 16: every number there is, with a valid session and a forgotten check."""

from diptych.drill.positions.p16_number_sweep import POSITION
from diptych.drill.scene import PASSING, Scene


def test_a_forgotten_check_without_sealing_is_the_theft_of_april_2026(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings >= 12 - PASSING  # whose document was fetched may be gone by now


def test_a_forgotten_check_gives_ciphertext_away_and_nobody(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert (loot.canaries, loot.openings) == (0, 0)


def test_the_common_practice_decrypts_for_whoever_asks(scene: Scene) -> None:
    assert POSITION.common(scene).openings == len(scene.town.people)
