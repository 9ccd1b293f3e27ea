"""The roof: the only file that knows everyone. Builds the objects and hands them over."""

from typing import NoReturn

from diptych.cli import terminal
from diptych.cli.main import application


class House:
    """Builds each role from its folder with its real adapters (`cli/rooms.py` says what is asked of it)."""


def main() -> NoReturn:
    """The `diptych` command."""
    terminal.run(application, House())
