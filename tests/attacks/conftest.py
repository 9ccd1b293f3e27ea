"""One scene for all positions, as in a drill: a town of forty, built only as far as its attacks need it."""

from collections.abc import Iterator

import pytest

from diptych.app import House
from diptych.drill.scene import Scene
from diptych.drill.town.people import build_town

POPULATION = 40


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with Scene(tmp_path_factory.mktemp("drill"), build_town(POPULATION), House(), lambda line: None) as found:
        yield found
