"""Unfinished approvals in a folder, one file each, readable by their owner alone and gone once the order is placed.

A file holds a moment and a seed. With the order file beside it, which says more than it does, it repeats an order.
"""

import contextlib
import os
import secrets
from datetime import datetime
from pathlib import Path

from diptych.errors import FormatError, Unavailable
from diptych.formats import base64url, strict_json
from diptych.private import Secret
from diptych.roles.officer.model import Attempt


class AttemptsFolder:
    """`Attempts` in `folder`, which is made when the first attempt is kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, fingerprint: bytes) -> Attempt | None:
        path = self._path(fingerprint)
        return _read(path) if path.exists() else None

    def keep(self, fingerprint: bytes, attempt: Attempt) -> None:
        path = self._path(fingerprint)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        members: dict[str, strict_json.Json] = {
            "approved_at": attempt.approved_at.isoformat(),
            "seed": base64url.encode(attempt.seed.reveal()),
        }
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(strict_json.encode(members))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)
            raise Unavailable("attempt.write", f"the attempt cannot be kept: {error.strerror}") from error

    def forget(self, fingerprint: bytes) -> None:
        path = self._path(fingerprint)
        _delete(path)
        for beside in self._folder.glob(f".{path.name}.*"):  # of a process that died while it kept the attempt
            _delete(beside)

    def forget_before(self, moment: datetime) -> None:
        for path in self._folder.glob("*.json"):
            if _read(path).approved_at < moment:
                _delete(path)
        for beside in self._folder.glob(".*.json.*"):
            if _is_from_before(beside, moment):
                _delete(beside)

    def _path(self, fingerprint: bytes) -> Path:
        return self._folder / f"{fingerprint.hex()}.json"


def _read(path: Path) -> Attempt:
    try:
        members = strict_json.parse_object(path.read_bytes())
        approved_at = datetime.fromisoformat(strict_json.text(members, "approved_at"))
        seed = Secret(base64url.decode(strict_json.text(members, "seed")))
        if approved_at.tzinfo is None:
            raise ValueError("no time zone")
    except (FormatError, ValueError) as error:
        raise FormatError("attempt", f"attempts/{path.name} is damaged: delete it to approve anew") from error
    except OSError as error:
        raise Unavailable("attempt.read", f"the attempt cannot be read: {error.strerror}") from error
    return Attempt(approved_at, seed)


def _is_from_before(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False  # kept under its name meanwhile


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable("attempt.delete", f"the attempt cannot be deleted: {error.strerror}") from error
