"""A role's new folder: filled beside its place and then moved there, so that it is there whole or not at all."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diptych.errors import Conflict, Unavailable


@contextmanager
def founded(folder: Path, role: str) -> Iterator[Path]:
    """The folder to fill, readable by its owner alone; it becomes `folder` where the block ends without an error.

    `Conflict` `ROLE.exists` if something is there already, `Unavailable` `ROLE.folder` if it cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # mode 0700
    try:
        yield beside
        beside.rename(folder)  # replaces an empty folder, and nothing else
    except OSError as error:
        if folder.exists():
            raise Conflict(f"{role}.exists", "that folder is not empty: give this role one of its own") from error
        raise Unavailable(f"{role}.folder", f"the folder cannot be made: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
