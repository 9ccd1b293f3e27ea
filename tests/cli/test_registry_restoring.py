"""A registry whose database was put back: the public log knows more of it, and it does not start until that is said."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.faults.sealed_town import SealedTown
from tests.faults.town import rows
from tests.log_processes import DIPTYCH, RECORDING, run

STATE_SECONDS = 30


@pytest.fixture
def town(tmp_path: Path) -> Iterator[SealedTown]:
    made = SealedTown(tmp_path)
    try:
        made.found()
        yield made
    finally:
        made.stop()


def wait_until_recorded(town: SealedTown) -> None:
    """Until the state of this start stands in the log."""
    deadline = monotonic() + STATE_SECONDS
    while rows(town.registry.database, "SELECT is_recorded FROM public_state") != [(1,)]:
        assert monotonic() < deadline, town.registry.log.read_text()
        sleep(0.05)


def put_back(town: SealedTown, copy: Path) -> None:
    database = town.registry.database
    for path in town.registry.folder.glob(f"{database.name}*"):
        path.unlink()
    shutil.copy(copy, database)


def test_an_old_database_is_refused_with_a_reason_until_the_operator_says_that_there_is_no_newer(
    town: SealedTown, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    wait_until_recorded(town)
    town.registry.stop()
    shutil.copy(town.registry.database, copy)
    town.registry.start()
    run("registry", "revoke", town.registry.folder, town.key, "--yes")
    wait_until_recorded(town)
    town.registry.stop()

    put_back(town, copy)  # it honours the officer again
    serve = [DIPTYCH, "serve", "registry", str(town.registry.folder)]
    refused = subprocess.run(serve, capture_output=True, text=True, env=RECORDING, timeout=60, check=False)
    assert refused.returncode == 1
    assert "(role.rolled_back)" in refused.stderr
    assert "it is an old copy" in refused.stderr

    asked = subprocess.run(
        [DIPTYCH, "registry", "restored", str(town.registry.folder)],
        capture_output=True,
        text=True,
        input="n\n",
        env=RECORDING,
        timeout=60,
        check=False,
    )
    assert (asked.returncode, "nothing was changed" in asked.stderr) == (1, True)
    run("registry", "restored", town.registry.folder, "--yes")
    town.registry.start()
    wait_until_recorded(town)
