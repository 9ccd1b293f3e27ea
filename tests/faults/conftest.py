"""Real processes are killed and starved here: one town for each file, a gate for their end, strace for other faults."""

from collections.abc import Iterator

import pytest

from tests.faults import gate
from tests.faults.gate import Gate
from tests.faults.town import Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    found = Town(tmp_path_factory.mktemp("town"))
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def each_write() -> Iterator[Gate]:
    """What a process writes through that is to be killed at any one write."""
    gate.required()
    found = Gate()
    try:
        yield found
    finally:
        found.close()
