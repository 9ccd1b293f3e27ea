"""Position 3: logs, journals, metrics, and what a crash would leave on the disk."""

from pathlib import Path

import httpx

from diptych.drill.attacker.memory import whole_memory
from diptych.drill.loot import Loot
from diptych.drill.ours import Ours
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.quorum import Quorum
from diptych.drill.scene import Scene


def steal(scene: Scene, system: Ours | Quorum) -> Loot:
    """Every log file, every address that shows counters, and the memory of each server that may dump core."""
    logs = [path for folder in system.server_folders for path in folder.rglob("*.log")]
    found = scene.canaries_in(system.town, *logs)
    for process in system.commands.servers.values():
        if dumps_core(process.pid):
            found += scene.canaries_of(system.town, whole_memory(process.pid))
    for folder in system.server_folders:
        found += scene.canaries_of(system.town, _counters(folder))
    return Loot(found)


def dumps_core(process_id: int) -> bool:
    """Whether a crash of this process would leave its memory on the disk."""
    limits = Path(f"/proc/{process_id}/limits").read_text()
    (soft,) = (line.split()[4] for line in limits.splitlines() if line.startswith("Max core file size"))
    return soft != "0"


def _counters(folder: Path) -> bytes:
    settings = (folder / "settings.toml").read_text() if (folder / "settings.toml").exists() else ""
    ports = [line.rpartition("=")[2].strip() for line in settings.splitlines() if line.startswith("admin_port")]
    return b"".join(httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).content for port in ports)


POSITION = Position(
    number=3,
    name=Words("Logs, metrics and core dumps", "Journaux, métriques et images mémoire"),
    takes=Words("what servers write about themselves", "ce que les serveurs écrivent sur eux-mêmes"),
    promise=Words("nobody is in them", "personne n'y figure"),
    plain=thefts.plain_of(thefts.logs),
    common=thefts.common_of(thefts.logs),
    ours=lambda scene: Loot(steal(scene, scene.ours).canaries + steal(scene, scene.quorum).canaries),
    weakened=lambda scene: steal(scene, scene.changed("talkative", redeeming=1)),
    removed=Words("a journal of closed words", "un journal aux mots fermés"),
)
