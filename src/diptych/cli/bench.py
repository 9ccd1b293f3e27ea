"""`diptych bench`: this system's speed beside its peers'. Ratios matter; absolute numbers are the machine's."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli import terminal

bench = typer.Typer(name="bench", help="Measure against peers.", no_args_is_help=True)

PlotFolder = Annotated[
    Path | None,
    typer.Option("--plot", help="Also measure how cost grows, and keep plots and raw numbers in this folder."),
]


@bench.callback()
def bench_command() -> None:
    """Measure against peers."""


@bench.command("zk")
def bench_zero_knowledge(
    rounds: Annotated[int, typer.Option(min=1, help="How often each side has its turn.")] = 9,
    proofs: Annotated[int, typer.Option(min=1, help="Longfellow proofs verified a core in each turn.")] = 4,
    plot: PlotFolder = None,
    as_json: terminal.AsJson = False,
) -> None:
    """Zero-knowledge proofs: ours against the bare Longfellow library, and against AnonCreds."""
    from diptych.cli import bench_report
    from diptych.cli.bench_machine import describe
    from diptych.cli.bench_zk import measure

    machine = describe()
    longfellow = measure(rounds=rounds, proofs_per_round=proofs, progress=terminal.progress)
    fast = bench_report.measure_fast_suite(rounds=10 * rounds, progress=terminal.progress)
    found = {"longfellow": asdict(longfellow), **fast, "machine": asdict(machine)}
    if plot is not None:
        bench_report.keep_zero_knowledge(plot, found, rounds=rounds, progress=terminal.progress)

    def prose() -> None:
        typer.echo(bench_report.longfellow_prose(longfellow) + "\n" + bench_report.fast_suite_prose(fast))

    terminal.emit(found, as_json=as_json, prose=prose)


@bench.command("issuer")
def bench_issuer(
    rounds: Annotated[int, typer.Option(min=1, help="How often each side has its turn.")] = 25,
    plot: PlotFolder = None,
    as_json: terminal.AsJson = False,
) -> None:
    """Licences signed on one core, against bare ES256 signatures."""
    from diptych.cli import bench_report
    from diptych.cli.bench_issuer import measure
    from diptych.cli.bench_machine import describe

    machine = describe()
    result = measure(rounds=rounds, progress=terminal.progress)
    found = {**asdict(result), "machine": asdict(machine)}
    if plot is not None:
        bench_report.keep_issuer(plot, found)
    terminal.emit(found, as_json=as_json, prose=lambda: typer.echo(bench_report.issuer_prose(result)))


@bench.command("log")
def bench_log(
    seconds: Annotated[float, typer.Option(min=0.1, help="How long each rate is measured.")] = 8.0,
    entries: Annotated[int, typer.Option(min=1000, help="Entries of the log that is verified offline.")] = 1_000_000,
    plot: PlotFolder = None,
    as_json: terminal.AsJson = False,
) -> None:
    """The public log: acts a second with every write synced and two witnesses, receipts, verification."""
    from diptych.cli import bench_log as log
    from diptych.cli import bench_report
    from diptych.cli.bench_machine import describe

    machine = describe()
    result = log.measure(seconds=seconds, entries=entries, progress=terminal.progress)
    found = {**asdict(result), "machine": asdict(machine)}
    if plot is not None:
        bench_report.keep_log(plot, found)
    terminal.emit(found, as_json=as_json, prose=lambda: typer.echo(log.prose(result)))


@bench.command("registry")
def bench_registry(
    rounds: Annotated[int, typer.Option(min=2, help="How often each operation is measured.")] = 300,
    rows: Annotated[int, typer.Option(min=1000, help="Rows of the largest index that is looked up in.")] = 1_000_000,
    postgresql: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty PostgreSQL database, to measure that too.")
    ] = None,
    plot: PlotFolder = None,
    as_json: terminal.AsJson = False,
) -> None:
    """The sealed registry: sealing, opening and looking up with three trustees of five, and their key ceremony."""
    from diptych.cli import bench_registry as registry
    from diptych.cli import bench_registry_load as load
    from diptych.cli import bench_report
    from diptych.cli.bench_machine import describe

    machine = describe()
    result = registry.measure(rounds=rounds, progress=terminal.progress)
    populations = [population for population in load.POPULATIONS if population <= rows]
    asked = load.measure(rounds=rounds, populations=populations, postgresql=postgresql, progress=terminal.progress)
    found = {**asdict(result), **asdict(asked), "machine": asdict(machine)}
    if plot is not None:
        bench_report.keep_registry(plot, found)
    terminal.emit(
        found,
        as_json=as_json,
        prose=lambda: typer.echo(registry.prose(result) + "\n" + load.prose(asked)),
    )
