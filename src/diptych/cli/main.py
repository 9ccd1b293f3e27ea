"""The command line's table of contents."""

from pathlib import Path
from typing import Annotated

import typer

import diptych
from diptych.cli.audit import audit
from diptych.cli.backups import attach
from diptych.cli.bench import bench
from diptych.cli.doctor import doctor
from diptych.cli.drill import drill
from diptych.cli.issuer import issuer
from diptych.cli.log import log
from diptych.cli.log_watch import monitor, tail
from diptych.cli.officer import officer
from diptych.cli.registry import registry
from diptych.cli.serve import serve
from diptych.cli.terminal import AsJson
from diptych.cli.trustee import trustee
from diptych.cli.verifier import verifier
from diptych.cli.wallet import wallet
from diptych.cli.witness import witness

application = typer.Typer(
    name="diptych",
    help="Identity documents without a central file to steal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"diptych {diptych.__version__}")
        raise typer.Exit


@application.callback()
def diptych_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Identity documents without a central file to steal."""


for commands, role in ((issuer, "issuer"), (officer, "officer"), (verifier, "verifier")):
    attach(commands, role)

for command in (tail, monitor):
    log.command()(command)

application.add_typer(audit)
application.add_typer(bench)
application.add_typer(officer)
application.add_typer(issuer)
application.add_typer(log)
application.add_typer(registry)
application.add_typer(serve)
application.add_typer(trustee)
application.add_typer(verifier)
application.add_typer(wallet)
application.add_typer(witness)


application.command("doctor")(doctor)
application.command("drill")(drill)


@application.command("demo")
def demo(
    once: Annotated[bool, typer.Option("--once", help="Tell the story once and stop the servers.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the roles keep their files; made anew each time.")] = Path(
        "demo-data"
    ),
    as_json: AsJson = False,
) -> None:
    """Issue a licence, prove two facts from it in zero knowledge, and look for the citizen in the servers' files."""
    from diptych.cli.demo import play

    play(folder.resolve(), once=once, as_json=as_json)
