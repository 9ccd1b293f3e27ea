"""An issuer and its public log, as processes: nothing without a receipt, nothing lost, no log forgotten."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.keys import file
from diptych.crypto.signing import generate_signer
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.policy import parse_policy
from diptych.formats.tlog.proof import verify_receipt
from diptych.roles.officer.order_file import template
from tests.issuer_process import HttpWallet, IssuerProcess
from tests.log_processes import RECORDING, LogProcesses, free_port, run

SPECIMEN = template(load_catalogue().type("driving-licence"), load_catalogue(), specimen=True)

ABOUT_LOG = ("issuer.log", "issuer.log_key", "log.policy", "log.answers")


def make_issuer(folder: Path, *choice: object) -> tuple[Path, str]:
    url = f"http://127.0.0.1:{free_port()}"
    run("issuer", "init", folder, "--url", url, *choice)
    return folder, url


@contextmanager
def serving(folder: Path, url: str) -> Iterator[IssuerProcess]:
    officer = generate_signer()
    key = folder.parent / f"{os.urandom(4).hex()}.pem"
    file.write_public_key(key, officer.public_key)
    run("issuer", "add-officer", folder, key)
    errors = (folder.parent / "issuer.err").open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", "serve", "issuer", str(folder)],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=RECORDING,
        start_new_session=True,
    )
    errors.close()
    try:
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        yield IssuerProcess(url, folder, process, officer)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogProcesses]:
    found = LogProcesses(tmp_path_factory.mktemp("log"))
    yield found
    found.stop()


def refusal(*words: object, code: int = 1) -> str:
    error = run(*words, code=code)["error"]
    assert isinstance(error, dict)
    return str(error["check"])


def not_served(folder: Path) -> str:
    """What `serve` says on stderr, and ends with."""
    done = subprocess.run(
        [sys.executable, "-m", "diptych", "serve", "issuer", str(folder)],
        capture_output=True,
        text=True,
        env=RECORDING,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


def test_init_asks_which_log_and_takes_no_for_an_answer_only_when_it_is_said(tmp_path: Path) -> None:
    url = "http://127.0.0.1:8101"
    run("issuer", "init", tmp_path / "a", "--url", url, code=2)
    assert not (tmp_path / "a").exists()
    run("issuer", "init", tmp_path / "b", "--url", url, "--without-log")
    assert "without_log = true" in (tmp_path / "b" / "settings.toml").read_text()


def test_an_issuer_of_before_there_was_a_log_says_what_to_do_and_is_not_served(
    tmp_path: Path, log: LogProcesses
) -> None:
    folder, _ = make_issuer(tmp_path / "issuer", "--without-log")
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text().replace("without_log = true\n", ""))
    said = not_served(folder)
    assert "join-log" in said
    assert "(issuer.log)" in said
    joined = run("issuer", "join-log", folder, "--log-policy", log.policy)
    assert joined["log_writer"] == str(folder / "log.pub.pem")
    assert log.url in settings.read_text()
    # Again is refused, and changes nothing: by then a log may know the key.
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert refusal("issuer", "join-log", folder, "--log-policy", log.policy) == "issuer.log_set"
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_doctor_says_how_an_issuer_stands_to_its_log(tmp_path: Path, log: LogProcesses) -> None:
    def checks(folder: Path, code: int = 0) -> dict[str, str]:
        (examined,) = [one for one in run("doctor", folder, code=code)["examined"] if one["role"] == "issuer"]
        return {one["check"]: one["level"] for one in examined["findings"] if one["check"] in ABOUT_LOG}

    unseen, _ = make_issuer(tmp_path / "unseen", "--without-log")
    assert checks(unseen) == {"issuer.log": "warning"}
    settings = unseen / "settings.toml"
    settings.write_text(settings.read_text().replace("without_log = true\n", ""))
    assert checks(unseen, code=1) == {"issuer.log": "wrong"}
    seen, _ = make_issuer(tmp_path / "seen", "--log-policy", log.policy)
    assert checks(seen)["log.policy"] == checks(seen)["issuer.log_key"] == "good"


def test_a_log_and_none_are_not_both_taken(tmp_path: Path, log: LogProcesses) -> None:
    folder, _ = make_issuer(tmp_path / "issuer", "--log-policy", log.policy)
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text() + "without_log = true\n")
    assert "(issuer.log)" in not_served(folder)


def test_a_policy_that_cannot_be_used_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "policy").write_text("quorum none\n")
    url = "http://127.0.0.1:8101"
    assert refusal("issuer", "init", tmp_path / "a", "--url", url, "--log-policy", tmp_path / "policy") == "log.policy"
    assert not (tmp_path / "a").exists()


def test_documents_come_with_receipts_or_not_at_all(tmp_path: Path, log: LogProcesses) -> None:
    folder, url = make_issuer(tmp_path / "issuer", "--log-policy", log.policy)
    log.admit(folder / "log.pub.pem")
    # The log does not run yet: nobody can tell how old the database is.
    assert "(log.file.http)" in not_served(folder)
    log.start()
    with serving(folder, url) as issuer:
        wallet = HttpWallet(url)
        approval = issuer.approve(SPECIMEN)
        tokens = wallet.redeem(approval)
        log.end("log", signal.SIGKILL)
        proofs = wallet.proofs(2)
        answer = wallet.ask(tokens, "driving-licence", proofs)
        assert answer.status_code == 503
        assert answer.json()["error"] == "recorder.unreachable"
        assert answer.headers["retry-after"]
        # It runs again, and the same request brings the documents, by one act.
        log.start("log")
        answer = wallet.ask(tokens, "driving-licence", proofs)
        assert answer.status_code == 200, answer.text
        response = wallet.parsed(answer)
        assert response.recorded is not None
        policy = parse_policy(log.policy.read_bytes())
        entry = parse_entry(verify_receipt(response.recorded.receipt, policy=policy).entry)
        assert entry.act_type is ActType.ISSUED
        assert entry.policy_hash == policy.digest
        # Killed in the middle of everything, it goes on from where it was.
        log.end("log", signal.SIGKILL)
        proofs = wallet.proofs(1)
        assert wallet.ask(tokens, "proof-of-age", proofs).status_code == 503
        log.start("log")
        again = wallet.parsed(wallet.ask(tokens, "proof-of-age", proofs))
        assert again.recorded is not None
        assert [act.counter for act in again.recorded.acts] == [0, 1]
    report = log.verified()
    assert report["acts"] == {"issued": 2, "role_state": 1}


def test_an_old_copy_of_the_database_is_not_served_until_it_comes_back_openly(
    tmp_path: Path, log: LogProcesses
) -> None:
    folder, url = make_issuer(tmp_path / "issuer", "--log-policy", log.policy)
    if not log.is_ready():
        log.start()
    log.admit(folder / "log.pub.pem")
    log.end("log", signal.SIGTERM)
    log.start("log")
    with serving(folder, url):
        pass
    database = (folder / "issuer.sqlite").read_bytes()
    with serving(folder, url):
        pass
    for path in folder.glob("issuer.sqlite*"):
        path.unlink()
    (folder / "issuer.sqlite").write_bytes(database)
    said = not_served(folder)
    assert "(role.rolled_back)" in said
    assert "it is an old copy" in said
    run("issuer", "restored", folder, "--yes")
    with serving(folder, url):
        pass


def test_a_log_that_does_not_admit_the_issuer_gives_no_receipt(tmp_path: Path, log: LogProcesses) -> None:
    folder, url = make_issuer(tmp_path / "issuer", "--log-policy", log.policy)
    if not log.is_ready():
        log.start()
    with serving(folder, url) as issuer:
        wallet = HttpWallet(url)
        tokens = wallet.redeem(issuer.approve(SPECIMEN))
        answer = wallet.ask(tokens, "driving-licence", wallet.proofs(1))
        assert (answer.status_code, answer.json()["error"]) == (503, "recorder.refused")
        assert "credentials" not in answer.text
        assert httpx.get(f"{url}/health").status_code == 200
