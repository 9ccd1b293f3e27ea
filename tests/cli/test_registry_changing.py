"""`diptych registry replace | refresh` and `diptych trustee replace | refresh`, beside real processes:
commands and servers are killed while the trustee set changes."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from diptych.roles.officer.counter import Enrolled, Reason
from tests.faults.sealed_town import LICENCE, SealedTown, entropy, now
from tests.faults.town import Server
from tests.log_processes import DIPTYCH, RECORDING, free_port, run
from tests.registry_world import MARIE

pytestmark = pytest.mark.timeout(1200)  # dozens of processes, one after another
PAUSES = (0.8, 1.4, 2.0)
MOST_RUNS = 12


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedTown]:
    made = SealedTown(tmp_path_factory.mktemp("town"))
    try:
        made.found()
        yield made
    finally:
        made.stop()


def enrol(town: SealedTown) -> Enrolled:
    with town.counter() as workstation:
        found = workstation.find(MARIE, legal_basis="enrolment", now=now(), entropy=entropy)
        return workstation.enrol(
            found,
            status=MARIE,
            documents=(LICENCE,),
            references=(),
            document_type="driving-licence",
            now=now(),
            entropy=entropy,
        )


def commanded(*words: object) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [DIPTYCH, *map(str, words), "--json"], capture_output=True, text=True, env=RECORDING, timeout=300, check=False
    )
    return done.returncode, json.loads(done.stdout)


def test_a_killed_trustee_is_replaced_while_command_and_servers_are_killed(town: SealedTown) -> None:
    marie = enrol(town)
    town.wait_until_told()
    lost, staying = town.trustees[0], town.trustees[1:]
    lost.kill()
    newcomer = Server("trustee", town.folder / "t4" / "trustee", f"http://127.0.0.1:{free_port()}")
    newcomer.folder.parent.mkdir()
    town._make(
        "trustee",
        "init",
        newcomer.folder,
        "--name",
        "University",
        "--url",
        newcomer.url,
        "--agency",
        town.registry.folder / "agency.pem",
        "--log-policy",
        town.log.policy,
    )
    newcomer.start()
    town.trustees.append(newcomer)
    everyone = (*staying, newcomer)

    code, waits = commanded(
        "registry", "replace", town.registry.folder, "--lost", "Notaries", "--card", newcomer.folder / "trustee.json"
    )
    assert (code, error_of(waits)) == (1, "change.consent"), waits
    for server in everyone:
        shown = run("trustee", "replace", server.folder)
        (change,) = shown["changes"]
        assert change["consent"] == "pending"
        names = [one["name"] for one in change["comes"]]
        assert names == (["Auditors", "Archives", "University"] if server is newcomer else ["University"])
        for unnamed in ((), (change["change"][:7],)):  # whatever is proposed by then
            run("trustee", "replace", server.folder, *unnamed, "--agree", code=2)
        run("trustee", "replace", server.folder, change["change"][:12], "--agree")

    # kill -9 of the command, and of a server, at moments of their own
    for pause, server in zip(PAUSES, everyone, strict=True):
        conducting = subprocess.Popen(
            [DIPTYCH, "registry", "replace", str(town.registry.folder), "--json"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=RECORDING,
            start_new_session=True,
        )
        time.sleep(pause)
        server.kill()
        if conducting.poll() is None:
            os.killpg(conducting.pid, signal.SIGKILL)
        conducting.wait()
        server.start()
    for _ in range(MOST_RUNS):
        code, changed = commanded("registry", "replace", town.registry.folder)
        if code == 0 or error_of(changed) == "change.none":
            break
    assert code == 0 or error_of(changed) == "change.none", changed

    status = run("trustee", "status", newcomer.folder)
    assert (status["epoch"], status["index"], status["changes"]) == (2, 4, [])
    assert status["quorum"]["records"] == 1
    for down in staying:
        down.kill()
        with town.counter() as workstation:
            read = workstation.open(
                marie.record_id, Reason("citizen_request", "what is written?", "2026-1"), now=now(), entropy=entropy
            )
        assert read.content == marie.content
        down.start()
    with town.counter() as workstation:
        found = workstation.find(MARIE, legal_basis="enrolment", now=now(), entropy=entropy)
    assert found.matches == (marie.record_id,)


def test_the_lookup_keys_are_refreshed(town: SealedTown) -> None:
    code, waits = commanded("registry", "refresh", town.registry.folder)
    assert (code, error_of(waits)) == (1, "change.consent")
    for server in town.trustees[1:]:
        assert commanded("trustee", "replace", server.folder) == (1, {"changes": []})
        run("trustee", "refresh", server.folder, "--agree")
    code, changed = commanded("registry", "refresh", town.registry.folder)
    assert (code, changed["epoch"], changed["is_over"]) == (0, 3, True), changed
    with town.counter() as workstation:
        assert len(workstation.find(MARIE, legal_basis="enrolment", now=now(), entropy=entropy).matches) == 1


def test_a_change_is_given_up_and_one_that_is_not_there_is_said_so(town: SealedTown) -> None:
    folder = town.registry.folder
    commanded("registry", "refresh", folder)
    assert commanded("registry", "replace", folder, "--abandon") == (0, {"abandoned": True})
    code, said = commanded("registry", "replace", folder)
    assert (code, error_of(said)) == (1, "change.none")
    card = town.trustees[3].folder / "trustee.json"
    code, said = commanded("registry", "replace", folder, "--lost", "Nobody", "--card", card)
    assert (code, error_of(said)) == (1, "change.trustee")
    code, said = commanded("registry", "replace", folder, "--lost", "2")
    assert code == 2


def error_of(said: dict[str, object]) -> object:
    error = said.get("error")
    return error["check"] if isinstance(error, dict) else None
