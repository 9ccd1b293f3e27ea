"""Position 3: logs, metrics and core dumps. A journal that talks gives people away."""

from diptych.drill.positions.p03_logs_and_dumps import POSITION
from diptych.drill.scene import Scene


def test_a_journal_that_says_what_was_issued_gives_people_away(scene: Scene) -> None:
    assert POSITION.weakened(scene).canaries > 0


def test_nobody_is_in_our_logs_and_no_server_may_dump_core(scene: Scene) -> None:
    assert POSITION.ours(scene).canaries == 0
