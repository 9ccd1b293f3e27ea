"""Position 8: an officer who wants everybody's file. Without quotas they get it, though never unseen."""

from diptych.drill.insider import QUOTA
from diptych.drill.positions.p08_insider import POSITION
from diptych.drill.quorum import QUOTA as LIVING_QUOTA
from diptych.drill.scene import Scene


def test_without_quotas_an_officer_opens_everybody(scene: Scene) -> None:
    loot = POSITION.weakened(scene)
    assert loot.openings == 12
    assert not loot.holds


def test_an_officer_opens_the_days_quota_and_nothing_that_is_not_public(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert QUOTA < loot.openings <= QUOTA + LIVING_QUOTA  # the living officer may have opened one today
    assert loot.beyond == 0
    assert loot.seen_after is not None
