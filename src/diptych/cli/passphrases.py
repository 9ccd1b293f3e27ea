"""Passphrases at the terminal: never shown, asked for again when wrong, and more slowly each time.

The waiting keeps a person at this terminal from guessing along; it stops nobody who has the file, whom only the price
of a guess stops (docs/decisions/0010). A script's passphrase comes from the environment and is tried once.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import typer

from diptych.cli.terminal import progress
from diptych.errors import FormatError, Refused
from diptych.private import Secret

MIN_CHARACTERS = 8
WAITS_SECONDS = (1, 2, 4, 8)
"""After each wrong passphrase but the last."""

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """Which passphrase: how it is asked for, and the variable that holds it for scripts, with what is in it."""

    prompt: str
    variable: str
    found: Secret | None

    def known(self) -> Secret:
        """One that exists, typed once."""
        if self.found is not None:
            return self.found
        self._expect_terminal()
        return Secret(str(typer.prompt(self.prompt, hide_input=True, err=True)).encode())

    def new(self) -> Secret:
        """One that begins now: typed twice, and long enough."""
        found = self.found
        if found is None:
            self._expect_terminal()
            typed = typer.prompt(self.prompt, hide_input=True, confirmation_prompt=True, err=True)
            found = Secret(str(typed).encode())
        if len(found.reveal().decode("utf-8", "replace")) < MIN_CHARACTERS:
            raise FormatError("wallet.passphrase_short", f"a passphrase has at least {MIN_CHARACTERS} characters")
        return found

    def unlock(self, open_with: Callable[[Secret], T], *, refusal: str) -> T:
        """What the passphrase opens. A person may try again after a `Refused` of that name, a few times."""
        if self.found is not None:
            return open_with(self.found)
        for seconds in WAITS_SECONDS:
            try:
                return open_with(self.known())
            except Refused as error:
                if error.check != refusal:
                    raise
                progress(f"{error.message}. Again in {seconds} s.")
                time.sleep(seconds)
        return open_with(self.known())

    def _expect_terminal(self) -> None:
        if not sys.stdin.isatty():
            raise FormatError("wallet.passphrase_missing", f"set {self.variable}, or run this in a terminal")
