"""A log's process for the fault tests: opens what is in a folder, appends acts, says what was acknowledged, and ends.

    python -m tests.faults.log_append FOLDER FIRST END

One thread writes files, so that strace counts the same writes each time. Witnesses are in the same process, on
databases of their own.
"""

import json
import sys
from pathlib import Path

from diptych.adapters import tile_folder
from diptych.adapters.storage.log import open_log_store
from diptych.adapters.storage.witness import open_witness_store
from diptych.adapters.tile_folder import TileFolder
from tests.log_world import World, entries

PUBLIC = "public"


def opened(folder: Path) -> World:
    """The log in the folder, as a process finds it."""
    tile_folder.AT_ONCE = 1
    return World(
        store=open_log_store(folder / "log.db"),
        files=TileFolder(folder / PUBLIC),
        witness_stores=tuple(open_witness_store(folder / f"witness-{i}.db") for i in range(3)),
    )


def main(folder: str, first: str, end: str) -> None:
    world = opened(Path(folder))
    appended = world.append(*entries(int(first), int(end)))
    print(json.dumps([receipt.index for receipt in appended.receipts]))


if __name__ == "__main__":
    main(*sys.argv[1:])
