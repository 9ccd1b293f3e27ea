"""Attacker 3: what a crash leaves on the disk. No command, and no server that one starts, writes its memory down."""

import subprocess
import sys

COMMAND = """
import resource

resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
from diptych import app
from diptych.cli import terminal

terminal.run = lambda *_: print(resource.getrlimit(resource.RLIMIT_CORE))
app.main()
"""


def test_every_command_runs_without_core_dumps_whatever_the_shell_allows() -> None:
    command = [sys.executable, "-c", COMMAND]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert told.strip() == "(0, 0)"
