"""What every place for a backup promises, in memory and on disk: the name is free until the backup is whole."""

from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.adapters.backup_file import BackupFile, read_backup_file
from diptych.errors import Conflict, FormatError, Unavailable
from diptych.roles.wallet.backup import MAX_BYTES
from diptych.roles.wallet.memory import Death, MemoryBackupPlace
from diptych.roles.wallet.ports import BackupPlace

Opened = tuple[BackupPlace, Callable[[], BackupPlace]]


def memory(folder: Path) -> Opened:
    place = MemoryBackupPlace()
    return place, lambda: place


def disk(folder: Path) -> Opened:
    return BackupFile(folder / "wallet.backup"), lambda: BackupFile(folder / "wallet.backup")


@pytest.fixture(params=[memory, disk])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """A place, and the same place after a restart."""
    made: Opened = request.param(tmp_path)
    return made


def test_what_is_kept_has_no_name_until_it_is_published(opened: Opened) -> None:
    place, again = opened
    place.keep(b"sealed")
    assert place.kept() == b"sealed"
    assert again().published() is None
    place.publish()
    assert again().published() == b"sealed"


def test_what_was_kept_before_a_restart_is_kept_again(opened: Opened) -> None:
    place, again = opened
    place.keep(b"the first, which is longer")
    again().keep(b"the second")
    again().publish()
    assert again().published() == b"the second"


def test_a_name_that_is_taken_is_never_written_over(opened: Opened) -> None:
    place, again = opened
    place.keep(b"sealed")
    place.publish()
    with pytest.raises(Conflict, match=r"backup\.exists"):
        again().keep(b"other")
    with pytest.raises(Conflict, match=r"backup\.exists"):
        again().publish()
    assert again().published() == b"sealed"


def test_what_is_discarded_is_gone_and_discarding_nothing_does_nothing(opened: Opened) -> None:
    place, again = opened
    place.discard()
    place.keep(b"sealed")
    place.discard()
    assert again().published() is None
    with pytest.raises(Unavailable):
        again().kept()
    with pytest.raises(Unavailable):
        again().publish()


def test_a_name_that_is_taken_meanwhile_is_never_written_over(tmp_path: Path) -> None:
    place = BackupFile(tmp_path / "wallet.backup")
    place.keep(b"sealed")
    (tmp_path / "wallet.backup").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Conflict, match=r"backup\.exists"):
        place.publish()
    assert not (tmp_path / "elsewhere").exists()


def test_on_a_stick_that_knows_no_links_it_is_published_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    place = BackupFile(tmp_path / "wallet.backup")
    place.keep(b"sealed")
    place.publish()
    assert [path.name for path in tmp_path.iterdir()] == ["wallet.backup"]
    assert place.published() == b"sealed"


def test_only_its_owner_can_read_a_backup(tmp_path: Path) -> None:
    place = BackupFile(tmp_path / "wallet.backup")
    place.keep(b"sealed")
    place.publish()
    assert (tmp_path / "wallet.backup").stat().st_mode & 0o077 == 0


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"backup\.write"):
        BackupFile(tmp_path / "absent" / "wallet.backup").keep(b"sealed")


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_BYTES * 4)
    assert len(read_backup_file(tmp_path / "large")) == MAX_BYTES + 1
    with pytest.raises(FormatError, match=r"backup\.file"):
        read_backup_file(tmp_path / "absent")


def test_the_fake_can_die_before_and_after_each_of_its_writes() -> None:
    place = MemoryBackupPlace(dies={0: Death.BEFORE_SAVING, 1: Death.AFTER_SAVING, 2: Death.AFTER_SAVING})
    with pytest.raises(Unavailable):
        place.keep(b"sealed")
    assert place.beside is None
    with pytest.raises(Unavailable):
        place.keep(b"sealed")
    assert place.beside == b"sealed"
    with pytest.raises(Unavailable):
        place.publish()
    assert place.named == b"sealed"
