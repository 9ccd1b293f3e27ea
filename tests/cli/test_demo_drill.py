"""The demo's last chapter: a short drill, and its sum."""

import pytest

from diptych.cli.demo_drill import POPULATION, POSITIONS, DrillState, state_of
from diptych.drill.positions import POSITIONS as ALL


def told(*holds: bool | None) -> dict[str, object]:
    positions = [
        {"position": number, "applies": held is not None, "holds": held}
        for number, held in zip(POSITIONS, holds, strict=True)
    ]
    return {"population": POPULATION, "positions": positions}


def test_every_position_of_the_short_drill_is_one_of_the_drills() -> None:
    assert set(POSITIONS) <= {position.number for position in ALL}


def test_a_short_drill_holds_only_if_every_position_was_tried_and_held() -> None:
    whole = state_of(told(*[True] * len(POSITIONS)))
    assert whole == DrillState(POPULATION, POSITIONS, len(POSITIONS), len(POSITIONS))
    assert whole.holds


@pytest.mark.parametrize("one", [False, None])
def test_one_position_that_does_not_hold_or_was_not_tried_is_told(one: bool | None) -> None:
    state = state_of(told(one, *[True] * (len(POSITIONS) - 1)))
    assert state.held == len(POSITIONS) - 1
    assert not state.holds
