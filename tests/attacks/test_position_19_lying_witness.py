"""Position 19: a witness that lies or is silent."""

from diptych.drill.positions.p19_lying_witness import POSITION
from diptych.drill.scene import Scene


def test_where_every_witness_is_needed_one_stops_the_service(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings > 0


def test_service_goes_on_and_every_lie_that_was_heard_names_its_witness(scene: Scene) -> None:
    assert POSITION.ours(scene).openings == 0
