"""Position 8: an officer who wants everybody's file, or whoever has stolen an officer's card and PIN."""

from datetime import UTC, datetime
from itertools import count

from diptych.adapters.canary_search import marks_in
from diptych.drill.insider import QUOTA, Insider
from diptych.drill.log_town import log_town
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.quorum import QUOTA as LIVING_QUOTA
from diptych.drill.scene import Scene
from diptych.drill.town.marks import MARK

UNLIMITED = 10_000
_numbers = count(1)


def insider(scene: Scene) -> Loot:
    """The same of a register in this process, whose every check is looked at, and of a living one over HTTP."""
    here = ask_for_everybody(scene, quota=QUOTA)
    opened, seen_after = scene.quorum.open_everybody()
    assert here.beyond is not None
    beyond = here.beyond + max(0, opened - LIVING_QUOTA)
    return Loot(here.canaries, openings=here.openings + opened, beyond=beyond, seen_after=seen_after)


def ask_for_everybody(scene: Scene, *, quota: int) -> Loot:
    """A request for every record, each first without its act and then with it.

    Counted against the promise: what opens beyond the day's quota, and what opens without standing in the log.
    """
    system = scene.register(purpose="insider")
    with log_town(scene.folder / "insider" / str(next(_numbers)), datetime.now(UTC).replace(microsecond=0)) as log:
        officer = Insider(system, log, quota)
        opened, unlogged = officer.open_everybody()
        read = marks_in(b"\0".join(opened), MARK) & system.town.canaries
        beyond = max(0, len(opened) - QUOTA) + unlogged
        return Loot(len(read), openings=len(opened) + unlogged, beyond=beyond, seen_after=officer.seen_after)


POSITION = Position(
    number=8,
    name=Words("An insider, or a stolen officer's card", "Un agent, ou sa carte volée"),
    takes=Words(
        "an officer's key, and a reason for every record", "la clé d'un agent, et un motif pour chaque dossier"
    ),
    promise=Words("the day's quota, each opening public first", "le quota du jour, chaque ouverture d'abord publique"),
    plain=thefts.plain_of(thefts.sweep),
    common=thefts.common_of(thefts.sweep),
    ours=insider,
    weakened=lambda scene: ask_for_everybody(scene, quota=UNLIMITED),
    removed=Words("quotas", "les quotas"),
)
