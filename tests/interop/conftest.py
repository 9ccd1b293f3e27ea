"""The town that strangers come to: a real issuer and a real verifier, each in a process of its own; and who visited."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.peers import require_npm
from tests.interop.report import MARKER, Recorder
from tests.interop.town import VerifierProcess, running_verifier
from tests.issuer_process import IssuerProcess, running_issuer
from tests.log_processes import LogProcesses


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interop-report", metavar="FILE", help="Write what passed with which peer to FILE.")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{MARKER}(*packages, role): which peers a test runs, and what they play")
    file = config.getoption("--interop-report", None)
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(file)))


def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker(MARKER)
    if marker is not None:
        said = json.dumps({"peers": marker.args, "role": marker.kwargs["role"]})
        item.user_properties.append((MARKER, said))


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IssuerProcess]:
    """It records what it issues: strangers' wallets get a member beside the credentials that they do not know."""
    require_npm()
    log = LogProcesses(tmp_path_factory.mktemp("log"))
    try:
        with running_issuer(tmp_path_factory.mktemp("issuer"), log=log) as process:
            yield process
    finally:
        log.stop()


@pytest.fixture(scope="session")
def verifier(issuer: IssuerProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VerifierProcess]:
    folder = tmp_path_factory.mktemp("verifier") / "verifier"
    with running_verifier(folder, issuer.folder / "trust.json") as process:
        yield process
