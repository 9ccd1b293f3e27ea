"""Several web processes of one verifier: one port, one memory, replaced when they die, ended together."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from diptych.app import House
from diptych.formats.mdoc.trust import encode_trust
from diptych.web.workers import share
from tests import verifying
from tests.cli.test_verifier import fetch
from tests.issuer_process import free_port
from tests.web.test_tls import make_tls

SECONDS = 30


@dataclass
class Running:
    process: subprocess.Popen[str]
    url: str
    admin: str
    folder: Path

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def metrics(self) -> str:
        return httpx.get(f"{self.admin}/metrics", trust_env=False).text

    def stop(self, number: int = signal.SIGTERM) -> list[dict[str, object]]:
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=SECONDS)
        return [json.loads(line) for line in said.splitlines()]


def start(folder: Path, **more: str) -> Running:
    port, admin = free_port(), free_port()
    (folder / "trust.json").write_bytes(encode_trust(verifying.TRUST))
    House().new_verifier(folder / "verifier", f"http://127.0.0.1:{port}", folder / "trust.json", "Café Utopia", "UT")
    environment = {
        "DIPTYCH_VERIFIER_WORKERS": "3",
        "DIPTYCH_VERIFIER_PROVERS": "3",
        "DIPTYCH_VERIFIER_ADMIN_PORT": str(admin),
        **more,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", "serve", "verifier", str(folder / "verifier")],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "is listening" in process.stdout.readline()
    return Running(process, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}", folder / "verifier")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    found = start(tmp_path)
    yield found
    found.stop()


def within(seconds: float, is_so: "object") -> None:
    deadline = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_they_share_a_port_and_what_happens_at_one_is_known_at_all(running: Running) -> None:
    assert len(running.workers()) == 3
    party = House().relying_party(running.folder)
    for _ in range(6):
        question = party.ask("over_18")
        fetch(running.folder, question.link)
        # A new connection each: any of them may answer.
        with ThreadPoolExecutor(6) as askers:
            states = list(askers.map(lambda question: question.wait(0).state, [question] * 6))
        assert states == ["fetched"] * 6
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: httpx.get(f"{running.url}/ready", trust_env=False).status_code, range(24)))
    assert answers == [200] * 24
    assert 'endpoint="ready",status="200",check=""} 24' in running.metrics()
    assert 'event="worker_started",reason=""} 3' in running.metrics()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_one_that_dies_is_replaced_and_the_others_serve_on(running: Running, number: int) -> None:
    first, *rest = running.workers()
    os.kill(first, number)
    assert httpx.get(f"{running.url}/health", trust_env=False).status_code == 200
    within(15, lambda: len(running.workers()) == 3 and first not in running.workers())
    assert set(rest) <= set(running.workers())
    assert 'event="worker_died"' in running.metrics()
    within(15, lambda: httpx.get(f"{running.url}/ready", trust_env=False).status_code == 200)


def test_told_to_stop_they_finish_what_they_began_and_leave_no_process(running: Running) -> None:
    workers = running.workers()
    provers = [
        int(pid)
        for worker in workers
        for task in Path(f"/proc/{worker}/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]
    assert len(provers) == 3
    question = House().relying_party(running.folder).ask("over_18")
    with ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(question.wait, 2)
        time.sleep(0.5)
        journal = running.stop()
        assert waiting.result().state == "asked"
    assert running.process.returncode == 0
    assert [line["event"] for line in journal].count("stopped") == 3
    assert not [line for line in journal if line["event"] in ("worker_died", "bug", "library")]
    assert not [pid for pid in workers + provers if Path(f"/proc/{pid}").exists()]


def test_ctrl_c_at_the_terminal_reaches_them_all_and_is_as_clean(running: Running) -> None:
    workers = running.workers()
    for pid in [running.process.pid, *workers]:
        os.kill(pid, signal.SIGINT)
    journal = running.stop(signal.SIGINT)
    assert running.process.returncode == 0
    assert not [line for line in journal if line["event"] in ("bug", "library")]


def test_when_the_one_above_them_is_killed_they_end_too(running: Running) -> None:
    workers = running.workers()
    running.process.kill()
    within(20, lambda: not [pid for pid in workers if Path(f"/proc/{pid}").exists()])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{running.url}/health", trust_env=False)


def test_they_serve_https_too(tmp_path: Path) -> None:
    import ssl

    files = make_tls(tmp_path)
    running = start(
        tmp_path, DIPTYCH_VERIFIER_TLS_CERTIFICATE=str(files.certificate), DIPTYCH_VERIFIER_TLS_KEY=str(files.key)
    )
    try:
        url = running.url.replace("http://127.0.0.1", "https://localhost")
        context = ssl.create_default_context(cafile=files.certificate)
        for _ in range(6):
            assert httpx.get(f"{url}/ready", verify=context, trust_env=False).status_code == 200
    finally:
        running.stop()


def test_a_folder_that_is_wrong_is_told_in_words_and_nothing_is_left_running(tmp_path: Path) -> None:
    running = start(tmp_path)
    running.stop()
    (running.folder / "registration.jwt").unlink()
    refused = subprocess.run(
        [sys.executable, "-m", "diptych", "serve", "verifier", str(running.folder)],
        env={**os.environ, "DIPTYCH_VERIFIER_WORKERS": "2"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert refused.returncode == 1
    assert "registration.jwt" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(("total", "count", "shares"), [(4, 2, [2, 2]), (5, 2, [3, 2]), (1, 3, [1, 1, 1])])
def test_what_there_is_is_shared_out_evenly_and_nobody_goes_without(total: int, count: int, shares: list[int]) -> None:
    assert [share(total, count, number) for number in range(count)] == shares
