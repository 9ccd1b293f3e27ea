"""What any test may ask for."""

import os
from collections.abc import Iterator

import pytest

from diptych.private import Secret
from tests.postgresql import PostgresqlServer

# What is not about the public log issues without one; what is takes this away (tests/recorded_town.py).
os.environ.setdefault("DIPTYCH_ISSUER_WITHOUT_LOG", "true")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """One server for all tests, started by the first that needs it."""
    server = PostgresqlServer()
    yield server
    server.close()


@pytest.fixture
def postgresql(postgresql_server: PostgresqlServer) -> Secret:
    """A database of the test's own."""
    return postgresql_server.new_database()
