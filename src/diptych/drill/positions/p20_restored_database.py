"""Position 20: an old copy of a role's database is put back, so that what happened since never did."""

import shutil
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from diptych.drill.baselines.running import Baseline
from diptych.drill.log_town import log_town
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import Scene
from diptych.errors import DiptychError

_numbers = count(1)


def restore(scene: Scene, *, asks_witnesses: bool) -> Loot:
    """The log's database and files of yesterday are put back, and it is asked to go on. Counted: whether it does.

    Its operator sees it when the log refuses to go on.
    """
    folder = scene.folder / "restored" / str(next(_numbers))
    with log_town(folder, datetime.now(UTC), forgetful=not asks_witnesses) as town:
        town.log("log").append([town.act(f"act {number}") for number in range(3)], now=town.later())
        town.copy("log", "yesterday")
        town.log("log").append([town.act("since then")], now=town.later())
        started = time.monotonic()
        try:
            town.log("yesterday", asks_witnesses=asks_witnesses).append([town.act("today")], now=town.later())
        except DiptychError:
            return Loot(seen_after=time.monotonic() - started)
    return Loot(openings=1)


def restore_wallet(scene: Scene) -> Loot:
    """A wallet's file of before an answer is put back: it must not answer as if it had not."""
    wallet = next(iter(scene.ours.wallets.values()))
    file = wallet / "wallet.db"
    before = scene.folder / "restored" / "wallet-before"
    before.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, before)
    number = next(iter(scene.ours.wallets))
    opened = scene.ours.wallet(number)
    opened.set_trust(*_trust(scene.ours.folder))
    shutil.copy(file, before.with_name("wallet-after"))
    shutil.copy(before, file)
    started = time.monotonic()
    answers = not scene.ours.wallet(number).store.is_copied()
    seen_after = None if answers else time.monotonic() - started
    shutil.copy(before.with_name("wallet-after"), file)
    return Loot(openings=int(answers), seen_after=seen_after)


def restore_registry(scene: Scene) -> Loot:
    """A living registry's database of before its last start is put back: it must not serve from it."""
    seen_after = scene.quorum.put_back()
    return Loot(openings=int(seen_after is None), seen_after=seen_after)


def ours(scene: Scene) -> Loot:
    """All three; seen when all have noticed."""
    tried = restore(scene, asks_witnesses=True), restore_wallet(scene), restore_registry(scene)
    noticed = [one.seen_after for one in tried if one.seen_after is not None]
    seen_after = max(noticed) if len(noticed) == len(tried) else None
    return Loot(openings=sum(one.openings for one in tried), seen_after=seen_after)


def restore_table(scene: Scene, baseline: Baseline) -> Loot:
    """A backup of before a deletion: the application answers from it as if nothing were."""
    with baseline.writable() as connection:
        connection.execute("CREATE TEMP TABLE gone AS SELECT * FROM people WHERE id = 2")
        connection.execute("DELETE FROM people WHERE id = 2")
        connection.execute("INSERT INTO people SELECT * FROM gone")
    return Loot(openings=int(baseline.ask("/records/2").is_success))


def _trust(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "issuer" / "trust.json").read_bytes(), (folder / "verifier" / "verifier-trust.json").read_bytes()


POSITION = Position(
    number=20,
    name=Words("An old database put back", "Une ancienne base remise en place"),
    takes=Words(
        "a backup of the log, a registry or a wallet", "une sauvegarde du journal, d'un registre ou d'un portefeuille"
    ),
    promise=Words("noticed before it answers", "remarqué avant toute réponse"),
    plain=thefts.plain_of(restore_table),
    common=thefts.common_of(restore_table),
    ours=ours,
    weakened=lambda scene: restore(scene, asks_witnesses=False),
    removed=Words("asking the witnesses at start", "l'interrogation des témoins au démarrage"),
    is_one_person=True,
    wins=Words("answers from the past", "répond depuis le passé"),
)
