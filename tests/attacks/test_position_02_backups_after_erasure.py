"""Position 2: every backup, after an erasure. With the month keys in the backups the erased come back."""

from diptych.drill.positions.p02_backups_after_erasure import POSITION
from diptych.drill.scene import Scene


def test_where_month_keys_are_backed_up_the_erased_come_back(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings > 0


def test_no_backup_and_no_key_of_today_opens_what_was_erased(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert (loot.canaries, loot.openings) == (0, 0)


def test_a_table_s_backup_gives_everybody_back_who_was_deleted(scene: Scene) -> None:
    assert POSITION.plain(scene).openings > 0
    assert POSITION.common(scene).openings > 0
