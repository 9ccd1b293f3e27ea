"""What every command shares with the person at the terminal: where output goes, and how it ends.

With `--json`, stdout carries one JSON value and nothing else; progress and prose go to stderr.
Exit 0 when all holds, 1 when something checked does not, 2 for wrong usage.
"""

import json
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import UsageError  # typer carries its own click and exports no name for this

from diptych.errors import DiptychError

EXIT_DOES_NOT_HOLD = 1
EXIT_USAGE = 2

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout and nothing else.")]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="URI", help="Where a new key is to be: pkcs11:token=...[;object=...], or `file`."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Consent without being asked.")]


def emit(value: object, *, as_json: bool, prose: Callable[[], None]) -> None:
    """The result: as one JSON value, or as `prose` prints it."""
    if as_json:
        sys.stdout.write(as_text(value, indent=2) + "\n")
    else:
        prose()


def as_text(value: object, *, indent: int | None = None) -> str:
    """The value as JSON that a terminal only shows: what others wrote cannot move its cursor or turn its lines round.

    RFC 8259 7: any character may be written as its number, and stays the same character to whoever parses it.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)


def progress(line: str) -> None:
    """One line of progress, on stderr so that it never mixes with a result."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def run(application: typer.Typer, rooms: object) -> NoReturn:
    """Run the command line and end the process: the outermost door, and the only one that catches everything."""
    as_json = "--json" in sys.argv
    command = typer.main.get_command(application)
    try:
        outcome = command.main(standalone_mode=False, prog_name="diptych", obj=rooms)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        _fail(as_json, "interrupted", "Stopped. Nothing half-done was kept.", None, EXIT_DOES_NOT_HOLD)
    except UsageError as error:
        if not as_json:
            error.show()
            sys.exit(EXIT_USAGE)
        _fail(as_json, "usage", error.format_message(), None, EXIT_USAGE)
    except DiptychError as error:
        _fail(as_json, error.check, error.message, error.code, EXIT_DOES_NOT_HOLD)
    sys.exit(outcome if isinstance(outcome, int) else 0)


def _fail(as_json: bool, check: str, message: str, code: str | None, exit_code: int) -> NoReturn:
    if as_json:
        sys.stdout.write(as_text({"error": {"check": check, "message": message, "code": code}}) + "\n")
    else:
        sys.stderr.write(f"{message}\n  ({check})\n")
    sys.exit(exit_code)
