"""What any test may ask for."""

from collections.abc import Iterator

import pytest

from diptych.private import Secret
from tests.postgresql import PostgresqlServer


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
