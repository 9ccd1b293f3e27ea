"""Position 19: a witness that lies and one that is silent. Service goes on down to the quorum, and they are named."""

import time
from datetime import UTC, datetime
from itertools import count

from diptych.drill.baselines.running import Baseline
from diptych.drill.log_town import URLS, log_town
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import Scene
from diptych.errors import DiptychError
from diptych.formats.tlog.proof import verify_receipt

_numbers = count(1)


def disturb(scene: Scene, *, threshold: int) -> Loot:
    """Each of three witnesses lies once and is silent once. Counted: acts that failed, lies that named nobody.

    A lie is seen when the log has told its operator who it was.
    """
    folder = scene.folder / "witnesses" / str(next(_numbers))
    failed, seen_after = 0, 0.0
    with log_town(folder, datetime.now(UTC), threshold=threshold) as town:
        log = town.log("log")
        for url in URLS:
            for troublemakers in (town.liars, town.silent):
                troublemakers.add(url)
                town.named.clear()
                town.heard.clear()
                started = time.monotonic()
                try:
                    done = log.append([town.act(f"{url} {len(town.liars)}")], now=town.later())
                    verify_receipt(done.receipts[0], policy=town.policy)
                except DiptychError:
                    failed += 1
                failed += len(town.heard - town.named)
                if town.named:
                    seen_after = max(seen_after, town.named_at - started)
                troublemakers.clear()
    return Loot(openings=failed, seen_after=seen_after or None)


def stop(scene: Scene, baseline: Baseline) -> Loot:
    """An application has one server: what it answers nobody else can check, and without it there is no answer."""
    with baseline.writable() as connection:
        (before,) = connection.execute("SELECT retention FROM people WHERE id = 1").fetchone()
        connection.execute("UPDATE people SET retention = 'forged' WHERE id = 1")
        (believed,) = connection.execute("SELECT retention = 'forged' FROM people WHERE id = 1").fetchone()
        connection.execute("UPDATE people SET retention = ? WHERE id = 1", [before])
    return Loot(openings=believed)


POSITION = Position(
    number=19,
    name=Words("A lying or silent witness", "Un témoin qui ment ou se tait"),
    takes=Words("one of those whose signature counts", "l'un de ceux dont la signature compte"),
    promise=Words("named; service goes on", "nommé ; le service continue"),
    plain=thefts.plain_of(stop),
    common=thefts.common_of(stop),
    ours=lambda scene: disturb(scene, threshold=2),
    weakened=lambda scene: disturb(scene, threshold=3),
    removed=Words("a quorum below all", "un quorum inférieur au total"),
    is_one_person=True,
    wins=Words("believed, or service stops", "cru, ou service arrêté"),
)
