"""What a drill leaves on servers, before a stranger with `grep` and before an officer with three of five trustees."""

import contextlib
import os
from datetime import UTC, datetime

from diptych.adapters.canary_search import files_below
from diptych.cli.demo_registry import FOLDERS
from diptych.drill.quorum import ENROLLED, REGISTRY
from diptych.drill.scene import Scene
from diptych.roles.officer.counter import Reason

REASON = Reason("reissue", "the citizen is present and has lost their wallet", "2026-0001")


def test_a_strangers_grep_for_any_resident_finds_nothing_on_living_servers(scene: Scene) -> None:
    people = scene.quorum.people.values()
    names = {name.encode() for person in people for name in (person.family_name, *person.given_names)}
    found: list[str] = []
    files = files_below(scene.quorum.server_folders)
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # servers that run take files away
            data = path.read_bytes()
            found += [path.name for name in names if name in data]
    assert found == []
    assert len(files) > 50
    assert set(scene.quorum.server_folders) <= set(scene.server_paths)


def test_three_living_trustees_and_the_agency_in_one_hand_open_everybody_and_two_nobody(scene: Scene) -> None:
    opened, read = scene.quorum.thieves_of([*FOLDERS[:3], REGISTRY], scene.cores)
    assert opened == ENROLLED
    assert read
    assert scene.quorum.thieves_of([*FOLDERS[:2], REGISTRY], scene.cores) == (0, set())


def test_the_workstation_opens_a_record_with_three_of_five_trustees(scene: Scene) -> None:
    quorum = scene.quorum
    quorum.commands.stop(*FOLDERS[3:])
    record_id, person = list(quorum.people.items())[-1]
    with quorum.rooms.workstation(quorum.folder / "officer") as workstation:
        read = workstation.open(record_id, REASON, now=datetime.now(UTC), entropy=os.urandom)
    assert read.content.civil_status.family_name.reveal() == person.family_name
