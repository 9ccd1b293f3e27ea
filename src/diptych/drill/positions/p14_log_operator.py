"""Position 14: whoever runs the public log, with its keys, and wants an act never to have been in it."""

import time
from datetime import UTC, datetime
from itertools import count

from diptych.drill.baselines.running import Baseline
from diptych.drill.log_town import LogTown, log_town
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import Scene
from diptych.errors import DiptychError
from diptych.formats.tlog import evidence
from diptych.formats.tlog.proof import verify_receipt

_numbers = count(1)


def rewrite(scene: Scene, *, forgetful: bool) -> Loot:
    """An act is public; the operator goes back to before it, writes another history, and shows it to a wallet."""
    folder = scene.folder / "log-operator" / str(next(_numbers))
    with log_town(folder, datetime.now(UTC), forgetful=forgetful) as town:
        town.log("log").append([town.act(f"act {number}") for number in range(3)], now=town.later())
        town.copy("log", "rewritten")
        town.log("log").append([town.act("a file is opened")], now=town.later())
        started = time.monotonic()
        believed = _show_other_history(town)
        return Loot(openings=believed, seen_after=_seen(town, started))


def _show_other_history(town: LogTown) -> int:
    """How many receipts of the other history a wallet believes."""
    acts = [town.act("nothing happened"), town.act("nothing at all")]
    try:
        shown = town.log("rewritten", asks_witnesses=False).append(acts, now=town.later())
        for receipt in shown.receipts:
            verify_receipt(receipt, policy=town.policy)
    except DiptychError:
        return 0
    return len(shown.receipts)


def _seen(town: LogTown, started: float) -> float | None:
    """Whoever starts on the rewritten files asks the witnesses, and gets evidence that convinces a third party."""
    try:
        town.log("rewritten").append([town.act("the next act")], now=town.later())
    except DiptychError as error:
        fork = getattr(error, "fork", None)
        if fork is None:
            return None
        parsed = evidence.parse_evidence(evidence.encode_evidence(fork))
        evidence.verify_evidence(parsed, policy=town.policy)
        return time.monotonic() - started
    return None


def rewrite_audit(scene: Scene, baseline: Baseline) -> Loot:
    """The audit table of an application: who has the database changes it, and nothing in it says so."""
    with baseline.writable() as connection:
        connection.execute("INSERT INTO audit (event, record) VALUES ('a file is opened', 1)")
        connection.execute("UPDATE audit SET event = 'nothing happened'")
        rows = connection.execute("SELECT event FROM audit").fetchall()
    return Loot(openings=sum(event == "nothing happened" for (event,) in rows))


POSITION = Position(
    number=14,
    name=Words("The log's operator rewrites it", "L'opérateur du journal le réécrit"),
    takes=Words("the log's keys, database and files", "les clés, la base et les fichiers du journal"),
    promise=Words("detected, with evidence for anyone", "détecté, avec une preuve pour tous"),
    plain=thefts.plain_of(rewrite_audit),
    common=thefts.common_of(rewrite_audit),
    ours=lambda scene: rewrite(scene, forgetful=False),
    weakened=lambda scene: rewrite(scene, forgetful=True),
    removed=Words("witnesses' memory", "la mémoire des témoins"),
    is_one_person=True,
    wins=Words("believed", "cru"),
)
