"""Real processes are killed and starved here: one town for each file, and strace to choose the moment."""

from collections.abc import Iterator

import pytest

from tests.faults import strace
from tests.faults.town import Town


@pytest.fixture(scope="session", autouse=True)
def strace_is_there() -> None:
    strace.required()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    found = Town(tmp_path_factory.mktemp("town"))
    try:
        yield found
    finally:
        found.stop()
