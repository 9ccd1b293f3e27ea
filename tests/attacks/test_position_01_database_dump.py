"""Position 1: a copy of every database. Without sealing the same thief reads everybody."""

import contextlib

from diptych.adapters.canary_search import files_below
from diptych.drill.positions.p01_database_dump import POSITION
from diptych.drill.scene import Scene


def test_without_sealing_the_thief_reads_everybody(scene: Scene) -> None:
    loot = POSITION.weakened(scene)
    assert not loot.holds
    assert loot.openings == 12
    assert loot.joined.is_above_chance


def test_the_thief_of_our_databases_reads_nobody_and_names_no_row(scene: Scene) -> None:
    loot = POSITION.ours(scene)
    assert loot.holds
    assert (loot.canaries, loot.openings) == (0, 0)


def test_encrypted_columns_with_a_blind_index_name_nearly_every_row(scene: Scene) -> None:
    loot = POSITION.common(scene)
    assert loot.canaries == 0
    assert loot.joined.is_above_chance
    assert loot.joined.advantage > 0.9


def test_a_plain_table_is_read_whole(scene: Scene) -> None:
    assert POSITION.plain(scene).canaries == len(scene.town.canaries)


def test_a_strangers_grep_for_any_residents_name_finds_nothing(scene: Scene) -> None:
    folders = [*scene.ours.server_folders, scene.register().folder]
    names = {name.encode() for person in scene.town.people for name in (person.family_name, *person.given_names)}
    found: list[str] = []
    for path in files_below(folders):
        with contextlib.suppress(FileNotFoundError):  # servers that run take files away
            data = path.read_bytes()
            found += [path.name for name in names if name in data]
    assert found == []
    assert len(files_below(folders)) > 50
