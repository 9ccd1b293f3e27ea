"""What the thieves do to the two systems that Diptych is compared with: the same moves, on their files and servers."""

from collections.abc import Sequence

from diptych.adapters.canary_search import marks_in
from diptych.drill.attacker.joining import Row, join
from diptych.drill.attacker.keys import keys_at_rest
from diptych.drill.attacker.memory import whole_memory
from diptych.drill.attacker.wire import recorded
from diptych.drill.baselines import table
from diptych.drill.baselines.running import Baseline, session_with
from diptych.drill.cores import parts
from diptych.drill.loot import Loot
from diptych.drill.position import Attack
from diptych.drill.scene import BaselineAttack, Scene
from diptych.drill.town.marks import MARK

PASSING = 20
"""So many records are asked for in the ordinary course while somebody listens."""


def from_rows(scene: Scene, rows: Sequence[Row]) -> Loot:
    """What rows give away, read and unread."""
    read = frozenset[str]().union(*(row.content for row in rows)) & scene.town.canaries
    return Loot(len(read), join(rows, scene.town, table.COLUMNS), sum(bool(row.content) for row in rows))


def database(scene: Scene, baseline: Baseline) -> Loot:
    """The database and what lies beside it, without the configuration."""
    loot = from_rows(scene, table.stolen_rows(baseline.database, baseline.people, [], scene.cores))
    files = scene.canaries_in(scene.town, baseline.database.parent, baseline.folder / "tmp")
    return Loot(max(files, loot.canaries), loot.joined, loot.openings)


def server(scene: Scene, baseline: Baseline) -> Loot:
    """The whole application server: its database, the keys in its configuration, its memory."""
    keys = sorted(keys_at_rest([baseline.folder / "config"]))
    loot = from_rows(scene, table.stolen_rows(baseline.database, baseline.people, keys, scene.cores))
    memory = scene.canaries_of(scene.town, whole_memory(baseline.process_id))
    return Loot(max(memory, loot.canaries), loot.joined, loot.openings)


def logs(scene: Scene, baseline: Baseline) -> Loot:
    """Its logs, and a core dump of its process."""
    found = scene.canaries_in(scene.town, baseline.folder / "logs")
    return Loot(found + scene.canaries_of(scene.town, whole_memory(baseline.process_id)))


def sweep(scene: Scene, baseline: Baseline) -> Loot:
    """Every number, one after the other, with a valid session: whose record it is was never checked."""
    jobs = [(baseline.url, some) for some in parts(len(baseline.people))]
    swept = list(scene.cores.each(sweep_some, jobs))
    found = set[str]().union(*(marks for _, marks in swept)) & scene.town.canaries
    return Loot(len(found), openings=sum(opened for opened, _ in swept))


def sweep_some(job: tuple[str, range]) -> tuple[int, set[str]]:
    """These numbers less one: how many were answered, and everything in the answers that looks like a canary."""
    url, some = job
    found: set[str] = set()
    opened = 0
    with session_with(url) as session:
        for number in some:
            answer = session.get(f"/records/{number + 1}")
            opened += answer.is_success
            found |= marks_in(answer.content, MARK)
    return opened, found


def traffic(scene: Scene, baseline: Baseline) -> Loot:
    """What travels while people are served, once the sessions can be read."""
    recording = baseline.folder / "recorded-traffic"
    with recorded(int(baseline.url.rpartition(":")[2]), recording) as relay:
        seen = Baseline(baseline.kind, baseline.folder, relay.url, baseline.process_id, baseline.people)
        with seen.session() as session:
            for number in range(1, 1 + min(PASSING, len(baseline.people))):
                session.get(f"/records/{number}")
    return Loot(scene.canaries_in(scene.town, recording), openings=min(PASSING, len(baseline.people)))


def phone(scene: Scene, baseline: Baseline) -> Loot:
    """A citizen's phone, locked: the file in which an application keeps the document, and its own key beside it."""
    folder = baseline.folder / "phone"
    folder.mkdir(exist_ok=True)
    (person, *_) = baseline.people
    keys = table.write_keys(folder / "preferences.toml") if baseline.kind == table.COMMON else None
    kept = table.sealed_values(person, keys)
    (folder / "document").write_bytes(kept)
    found = marks_in(table.opened_with(kept, sorted(keys_at_rest([folder]))), MARK) & person.canaries
    return Loot(len(found), openings=int(bool(found)))


def plain_of(attack: BaselineAttack) -> Attack:
    """The attack on the plain table."""
    return lambda scene: scene.tried(attack, scene.plain)


def common_of(attack: BaselineAttack) -> Attack:
    """The attack on the common practice."""
    return lambda scene: scene.tried(attack, scene.common)
