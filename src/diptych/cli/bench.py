"""`diptych bench`: this system's speed beside its peers'. Ratios matter; absolute numbers are the machine's."""

from dataclasses import asdict
from typing import Annotated

import typer

from diptych.cli import terminal

bench = typer.Typer(name="bench", help="Measure against peers.", no_args_is_help=True)


@bench.callback()
def bench_command() -> None:
    """Measure against peers."""


@bench.command("zk")
def bench_zero_knowledge(
    rounds: Annotated[int, typer.Option(min=1, help="How often each side has its turn.")] = 9,
    proofs: Annotated[int, typer.Option(min=1, help="Proofs verified a core in each turn.")] = 4,
    as_json: terminal.AsJson = False,
) -> None:
    """Zero-knowledge proofs: our processes around the library, against the bare library on all cores."""
    from diptych.cli.bench_zk import measure

    result = measure(rounds=rounds, proofs_per_round=proofs, progress=terminal.progress)

    def prose() -> None:
        typer.echo(
            f"Longfellow, {result.cores} cores, medians\n"
            f"  prove       {result.prove_ms:8.0f} ms      (bare library {result.library_prove_ms:.0f} ms)\n"
            f"  verify      {result.verifications_per_second:8.2f} /s      "
            f"(bare library {result.library_verifications_per_second:.2f} /s; ratio {result.ratio_to_library:.3f})\n"
            f"  worker      {result.worker_peak_bytes / 2**20:8.0f} MiB at most\n"
            f"  respawn     {result.respawn_seconds:8.3f} s\n"
            f"  proof       {result.proof_bytes:8d} bytes"
        )

    terminal.emit({"longfellow": asdict(result)}, as_json=as_json, prose=prose)
