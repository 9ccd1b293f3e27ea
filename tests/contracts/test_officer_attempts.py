"""`Attempts`: what every memory for unfinished approvals keeps, run on memory and on a folder."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from diptych.adapters.attempts_folder import AttemptsFolder
from diptych.errors import FormatError
from diptych.private import Secret
from diptych.roles.officer.fakes import MemoryAttempts
from diptych.roles.officer.model import Attempt
from diptych.roles.officer.ports import Attempts

BUILDERS: list[Callable[[Path], Attempts]] = [
    lambda _: MemoryAttempts(),
    lambda folder: AttemptsFolder(folder / "attempts"),
]
ATTEMPT = Attempt(datetime(2026, 11, 24, 9, 30, tzinfo=UTC), Secret(bytes(range(32))))
FINGERPRINT = bytes(32)


@pytest.fixture(params=BUILDERS, ids=["memory", "folder"])
def attempts(request: pytest.FixtureRequest, tmp_path: Path) -> Attempts:
    build: Callable[[Path], Attempts] = request.param
    return build(tmp_path)


def test_an_attempt_is_found_until_it_is_forgotten(attempts: Attempts) -> None:
    assert attempts.find(FINGERPRINT) is None
    attempts.keep(FINGERPRINT, ATTEMPT)
    assert attempts.find(FINGERPRINT) == ATTEMPT
    assert attempts.find(bytes(31) + b"\1") is None
    attempts.forget(FINGERPRINT)
    assert attempts.find(FINGERPRINT) is None


def test_a_later_attempt_takes_the_place_of_an_earlier_one(attempts: Attempts) -> None:
    later = Attempt(ATTEMPT.approved_at.replace(hour=10), Secret(bytes(32)))
    attempts.keep(FINGERPRINT, ATTEMPT)
    attempts.keep(FINGERPRINT, later)
    assert attempts.find(FINGERPRINT) == later


def test_attempts_from_before_a_moment_are_forgotten_together(attempts: Attempts) -> None:
    later = Attempt(ATTEMPT.approved_at.replace(hour=10), Secret(bytes(32)))
    attempts.keep(FINGERPRINT, ATTEMPT)
    attempts.keep(bytes(31) + b"\1", later)
    attempts.forget_before(later.approved_at)
    assert attempts.find(FINGERPRINT) is None
    assert attempts.find(bytes(31) + b"\1") == later


def test_forgetting_what_was_not_kept_does_nothing(attempts: Attempts) -> None:
    attempts.forget(FINGERPRINT)


def test_attempts_in_a_folder_survive_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    AttemptsFolder(tmp_path / "attempts").keep(FINGERPRINT, ATTEMPT)
    (path,) = (tmp_path / "attempts").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert AttemptsFolder(tmp_path / "attempts").find(FINGERPRINT) == ATTEMPT


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b'{"approved_at":"x","seed":""}', b'{"approved_at":"2026-11-24","seed":""}']
)
def test_a_damaged_attempt_says_what_to_delete(tmp_path: Path, damage: bytes) -> None:
    attempts = AttemptsFolder(tmp_path / "attempts")
    attempts.keep(FINGERPRINT, ATTEMPT)
    (path,) = (tmp_path / "attempts").iterdir()
    path.write_bytes(damage)
    with pytest.raises(FormatError, match="delete it"):
        attempts.find(FINGERPRINT)


def test_what_a_process_left_that_died_while_keeping_goes_too(tmp_path: Path) -> None:
    folder = tmp_path / "attempts"
    attempts = AttemptsFolder(folder)
    attempts.keep(FINGERPRINT, ATTEMPT)
    left = folder / f".{FINGERPRINT.hex()}.json.0123456789abcdef"
    others = folder / f".{(bytes(31) + b'x').hex()}.json.0123456789abcdef"
    for path in (left, others):
        path.write_bytes(b"{")
    attempts.forget(FINGERPRINT)
    assert list(folder.iterdir()) == [others]
    attempts.forget_before(datetime.now(UTC).replace(year=2000))
    assert list(folder.iterdir()) == [others]
    attempts.forget_before(datetime.now(UTC).replace(year=2100))
    assert list(folder.iterdir()) == []
