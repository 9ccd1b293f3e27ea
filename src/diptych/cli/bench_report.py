"""What `diptych bench` prints and keeps: the members of its JSON, its prose, its plots with their raw numbers.

Measuring is left to one module for each engine.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from diptych.cli import bench_anoncreds
from diptych.cli.bench_anoncreds import AnonCreds, AnonCredsResult
from diptych.cli.bench_fast_suite import growth, measure
from diptych.cli.bench_issuer import Cost
from diptych.cli.bench_issuer import Result as IssuerResult
from diptych.cli.bench_plot import Line, Plot, svg
from diptych.cli.bench_zk import Result as LongfellowResult

_STORES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

Members = dict[str, Any]  # what dataclasses.asdict makes: JSON to be


def measure_fast_suite(*, rounds: int, progress: Callable[[str], None]) -> Members:
    """The members `fast_suite`, `anoncreds`, `ratios` and `epoch`: one run, by turns."""
    if bench_anoncreds.is_set_up():
        with AnonCreds() as peer:
            fast = asdict(measure(rounds=rounds, progress=progress, peer=peer.take_turns))
            theirs = peer.result()
    else:
        progress(bench_anoncreds.HOW_TO_GET_IT)
        fast, theirs = asdict(measure(rounds=rounds, progress=progress)), AnonCredsResult()
    epoch = {name: fast.pop(name) for name in ("tokens_per_second_per_core", "population_core_hours")}
    return {
        "fast_suite": _rounded(fast),
        "anoncreds": _rounded(asdict(theirs)),
        "ratios": _rounded(
            {
                "prove": _ratio(theirs.prove_ms, fast["prove_ms"]),
                "verify": _ratio(theirs.verify_ms, fast["verify_ms"]),
                "bytes": _ratio(theirs.bytes, fast["bytes"]),
            }
        ),
        "epoch": _rounded(epoch),
    }


def keep_zero_knowledge(
    folder: Path, found: Mapping[str, object], *, rounds: int, progress: Callable[[str], None]
) -> None:
    """Plots of how the fast suite's cost grows, with `zk.json` beside them."""
    progress("fast suite: how its cost grows ...")
    grown = [_rounded(asdict(point)) for point in growth(rounds=max(3, 2 * rounds))]
    note = _note(found)
    _keep(folder, "zk", {**found, "growth": grown})
    for dimension, title, x_name, names in (
        ("messages", "Fast suite: cost against attributes", "messages in the credential", ("prove", "verify")),
        ("digits", "Fast suite: cost against the width of the range", "digits, base 256", ("prove", "verify")),
        ("batch", "Fast suite: verifying in batches", "presentations in the batch", ("verify",)),
    ):
        points = [point for point in grown if point["dimension"] == dimension]
        lines = [Line(name, [(point["size"], point[f"{name}_ms"]) for point in points]) for name in names]
        plot = Plot(title, x_name, "milliseconds each", lines, is_log_x=dimension == "batch", note=note)
        _draw(folder, f"fast-suite-{dimension}", plot)


def keep_issuer(folder: Path, found: Members) -> None:
    """Plots of how the issuer's cost grows, with `issuer.json` beside them."""
    note = _note(found)
    _keep(folder, "issuer", found)
    for name, of, x_name in (("attributes", "attributes", "attributes"), ("batch", "batch", "copies in the batch")):
        points: Sequence[Members] = found[f"by_{name}"]
        rate = [(point[of], point["per_second_per_core"]) for point in points]
        plot = Plot(
            f"Issuer: licences a second and core against {x_name}",
            x_name,
            "licences a second",
            [Line("licences", rate)],
            is_log_x=name == "batch",
            note=note,
        )
        _draw(folder, f"issuer-{name}", plot)


def keep_log(folder: Path, found: Members) -> None:
    """A plot of how the log's rate grows with its batches, with `log.json` beside it."""
    _keep(folder, "log", found)
    rate = [(int(batch), per_second) for batch, per_second in found["batches"].items()]
    plot = Plot(
        "Public log: entries a second against entries in the batch",
        "entries in the batch",
        "entries a second",
        [Line("every write synced, two witnesses", rate)],
        is_log_x=True,
        note=_note(found),
    )
    _draw(folder, "log-batches", plot)


def keep_registry(folder: Path, found: Members) -> None:
    """Plots of look-ups among more and more rows, with `registry.json` beside them."""
    _keep(folder, "registry", found)
    for name, title in (
        ("lookup", "Sealed registry: a look-up against the rows of the index"),
        ("index", "Sealed registry: the registry's part of a look-up"),
    ):
        measured = {kind: rows for kind, rows in found[f"{name}_ms_by_population"].items() if rows is not None}
        lines = [
            Line(_STORES[kind], [(int(rows), spread["p50"]) for rows, spread in by_rows.items()])
            for kind, by_rows in measured.items()
        ]
        plot = Plot(title, "rows", "milliseconds, median", lines, is_log_x=True, note=_note(found))
        _draw(folder, f"registry-{name}", plot)


def longfellow_prose(result: LongfellowResult) -> str:
    """The numbers for a person."""
    return (
        f"Longfellow, {result.cores} cores, medians\n"
        f"  prove       {result.prove_ms:8.0f} ms      (bare library {result.library_prove_ms:.0f} ms)\n"
        f"  verify      {result.verifications_per_second:8.2f} /s      "
        f"(bare library {result.library_verifications_per_second:.2f} /s; ratio {result.ratio_to_library:.3f})\n"
        f"  worker      {result.worker_peak_bytes / 2**20:8.0f} MiB at most\n"
        f"  respawn     {result.respawn_seconds:8.3f} s\n"
        f"  proof       {result.proof_bytes:8d} bytes"
    )


def fast_suite_prose(found: Members) -> str:
    """The numbers for a person."""
    ours, theirs, ratios, epoch = (found[name] for name in ("fast_suite", "anoncreds", "ratios", "epoch"))

    def beside(name: str, ratio: str, unit: str) -> str:
        return "" if theirs[name] is None else f"(AnonCreds {theirs[name]:.0f}{unit}; {ratios[ratio]:.1f} times)"

    return (
        "Fast suite, one core, medians\n"
        f"  prove       {ours['prove_ms']:8.2f} ms      {beside('prove_ms', 'prove', ' ms')}\n"
        f"  verify      {ours['verify_ms']:8.2f} ms      {beside('verify_ms', 'verify', ' ms')}\n"
        f"  batch of 64 {ours['batch64_ms_each']:8.2f} ms each\n"
        f"  64 at once  {ours['queue64_ms_each']:8.2f} ms each, through the verifier's queue\n"
        f"  proof       {ours['bytes']:8d} bytes   {beside('bytes', 'bytes', ' bytes')}\n"
        f"  native      {100 * ours['native_share']:8.0f} % of the time\n"
        f"  tokens      {epoch['tokens_per_second_per_core']:8.0f} /s"
    )


def issuer_prose(result: IssuerResult) -> str:
    """The numbers for a person."""

    def line(name: str, cost: Cost) -> str:
        return (
            f"  {name:22}{cost.per_second_per_core:8.0f} /s   {cost.microseconds:6.0f} us"
            f"   {cost.ratio_to_es256:.3f} of bare ES256"
        )

    cases = [("licences", result.licence), ("in wallets' requests", result.request)]
    cases += [(f"{cost.attributes} attributes", cost) for cost in result.by_attributes]
    cases += [(f"batch of {cost.batch}", cost) for cost in result.by_batch]
    cases += [(f"portrait of {cost.portrait_bytes // 1000} kB", cost) for cost in result.by_portrait]
    head = (
        f"Licences of {result.licence.attributes} attributes in batches of {result.licence.batch}, one core, medians"
        f" (bare ES256: {result.es256_per_second:.0f} /s)"
    )
    return "\n".join([head, *(line(*case) for case in cases)])


def _ratio(theirs: float | None, ours: float) -> float | None:
    return None if theirs is None else theirs / ours


def _rounded(members: Members) -> Members:
    """Four significant digits: the machine knows no more."""
    return {
        name: _rounded(value)
        if isinstance(value, dict)
        else float(f"{value:.4g}")
        if isinstance(value, float)
        else value
        for name, value in members.items()
    }


def _note(found: Mapping[str, object]) -> str:
    machine = found["machine"]
    assert isinstance(machine, dict)
    return f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {machine['date']}"


def _keep(folder: Path, name: str, found: Mapping[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _draw(folder: Path, name: str, plot: Plot) -> None:
    (folder / f"{name}.svg").write_text(svg(plot), encoding="utf-8")
