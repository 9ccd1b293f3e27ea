"""The demo keeps to its own folder, its own settings and its own processes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diptych.cli.demo_processes import Commands, own_folder
from diptych.errors import Conflict, Refused, Unavailable


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(Refused, match=r"demo\.folder"), own_folder(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_demo_starts_from_nothing_each_time(tmp_path: Path) -> None:
    root = tmp_path / "demo-data"
    with own_folder(root):
        (root / "issuer").mkdir()
        (root / "issuer" / "old").write_text("of last time")
    with own_folder(root):
        assert [path.name for path in root.iterdir()] == [".diptych-demo"]


def test_a_second_demo_in_the_same_folder_is_told_so_and_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "demo-data"
    with own_folder(root):
        (root / "issuer").mkdir()
        with pytest.raises(Conflict, match=r"demo\.running"), own_folder(root):
            pass
        assert (root / "issuer").is_dir()


def test_no_setting_of_a_real_role_reaches_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_ISSUER_DATABASE", "postgresql://production")
    tell = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('DIPTYCH_')}))"
    commands = Commands(tmp_path, {"DIPTYCH_OF_THE_DEMO": "1"}, quiet=True, program=(sys.executable, "-c", tell))
    assert commands.run("anything") == {"DIPTYCH_OF_THE_DEMO": "1"}


def test_a_command_that_fails_is_told_in_its_own_words(tmp_path: Path) -> None:
    with Commands(tmp_path, {}, quiet=True) as commands, pytest.raises(Refused, match=r"settings\.missing"):
        commands.run("officer", "approve", "nowhere.toml", "--officer", "nobody")


ASKING = """
import sys, json
print("Do you agree? ", end="", file=sys.stderr, flush=True)
typed = sys.stdin.readline().strip()
print(json.dumps({"typed": typed}))
sys.exit(1 if typed == "y" else 0)
"""


def test_a_command_that_asks_waits_for_what_is_typed(tmp_path: Path) -> None:
    commands = Commands(tmp_path, {}, quiet=True, program=(sys.executable, "-c", ASKING))
    with commands.begin("wallet", "present") as question:
        question.wait_for(b"Do you agree?")
        assert question.process.poll() is None
        assert question.answer("y", expects=1) == {"typed": "y"}
    with commands.begin("wallet", "present") as question, pytest.raises(Refused, match=r"demo\.command"):
        question.answer("y", expects=0)


def test_a_command_that_ends_without_asking_is_told_in_its_own_words(tmp_path: Path) -> None:
    program = (sys.executable, "-c", "import sys; sys.exit('the link is of no request')")
    commands = Commands(tmp_path, {}, quiet=True, program=program)
    with commands.begin("wallet", "present") as question, pytest.raises(Refused, match="the link is of no request"):
        question.wait_for(b"Do you agree?")


def test_a_command_that_is_never_answered_ends_with_its_block(tmp_path: Path) -> None:
    with Commands(tmp_path, {}, quiet=True, program=(sys.executable, "-c", ASKING)).begin("wallet") as question:
        question.wait_for(b"Do you agree?")
    assert question.process.returncode is not None


def test_a_server_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "issuer").mkdir()
    program = (sys.executable, "-c", "import sys; sys.exit('the port is taken')")
    with Commands(tmp_path, {}, quiet=True, program=program) as commands:
        with pytest.raises(Unavailable, match="the port is taken"):
            commands.serve("issuer", "http://127.0.0.1:9")
        (server,) = commands.servers.values()
    assert server.returncode is not None


def test_servers_end_with_the_demo_even_when_it_fails(tmp_path: Path) -> None:
    commands = Commands(tmp_path, {}, quiet=True)

    def play() -> None:
        with commands:
            commands.servers["slow"] = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play()
    assert commands.servers["slow"].returncode is not None


PLAY = """
import sys
from pathlib import Path
from diptych.cli.demo_processes import Commands

(Path(sys.argv[1]) / "issuer").mkdir()
server = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid())); time.sleep(600)"
Commands(Path(sys.argv[1]), {}, quiet=True, program=(sys.executable, "-c", server)).serve("issuer", "http://127.0.0.1:9")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_servers_end_with_a_demo_that_was_killed(tmp_path: Path, number: int) -> None:
    demo = subprocess.Popen([sys.executable, "-c", PLAY, tmp_path])
    place, deadline = tmp_path / "pid", time.monotonic() + 60
    while not place.exists() or not place.read_text():
        assert time.monotonic() < deadline
        assert demo.poll() is None
        time.sleep(0.05)
    server = Path("/proc") / place.read_text()
    demo.send_signal(number)
    demo.wait(10)
    while server.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
