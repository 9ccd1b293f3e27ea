"""Position 4: the application server between two requests, with all its keys."""

from diptych.drill.positions.p04_application_server import POSITION
from diptych.drill.scene import Scene


def test_a_front_that_reads_requests_keeps_what_opens_an_order(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings > 0


def test_memory_and_keys_of_our_servers_open_nothing(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert (loot.canaries, loot.openings) == (0, 0)


def test_keys_beside_their_ciphertext_open_every_row_of_the_common_practice(scene: Scene) -> None:
    assert POSITION.common(scene).openings == len(scene.town.people)
