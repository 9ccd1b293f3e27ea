"""Position 14: the log's operator rewrites it."""

from diptych.drill.positions.p14_log_operator import POSITION
from diptych.drill.scene import Scene


def test_witnesses_without_memory_let_a_rewritten_log_be_believed(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 2


def test_no_receipt_of_a_rewritten_log_is_believed_and_the_evidence_convinces_a_third_party(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert loot.openings == 0
    assert loot.seen_after is not None


def test_a_rewritten_audit_table_is_believed(scene: Scene) -> None:
    assert POSITION.common(scene).openings == 1
