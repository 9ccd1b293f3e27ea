"""`diptych trustee`: make a trustee, see what it asks and what waits for a person. Running it is `serve trustee`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit, progress
from diptych.cli.trustee_changing import agree_to_refresh, agree_to_replacement, shown_change
from diptych.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diptych.protocols.opening.holding import Reviewed
    from diptych.roles.trustee.service import QuorumStanding, TrusteePolicy

trustee = typer.Typer(name="trustee", help="Keep a share of every record's key.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The trustee's folder.", show_default=False)]

trustee.command("replace")(agree_to_replacement)
trustee.command("refresh")(agree_to_refresh)


@trustee.command()
def init(
    context: typer.Context,
    folder: Folder,
    *,
    name: Annotated[str, typer.Option(help="What officers and auditors call it.", show_default=False)],
    url: Annotated[str, typer.Option(help="Where it is reached, such as https://trustee.example.", show_default=False)],
    agency: Annotated[Path, typer.Option(help="The agency's certifying key (agency.pem).", show_default=False)],
    log_policy: Annotated[
        Path, typer.Option(help="The log that it believes (c2sp.org/tlog-policy).", show_default=False)
    ],
    waiting_hours: Annotated[int, typer.Option(min=0, help="How long a new officer waits before being answered.")] = 48,
    key: Annotated[
        str | None, typer.Option(help="A token for the signing key, as pkcs11:token=NAME; else a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a new trustee with new keys. It holds nothing until a key ceremony gave it a place in a trustee set."""
    rooms: Rooms = context.obj
    rooms.new_trustee(
        folder,
        name=name,
        url=url,
        agency_key=agency,
        log_policy=log_policy,
        waiting_hours=waiting_hours,
        key=key,
    )
    card = folder / "trustee.json"
    emit(
        {"folder": str(folder), "name": name, "url": url, "card": str(card)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The trustee is ready in {folder}. Read {folder / 'policy.toml'} and change it to what you are willing to "
            f"answer; then serve it, and give the agency {card} for the key ceremony."
        ),
    )


@trustee.command()
def policy(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """Show what this trustee asks before it answers, and whom it believes."""
    rooms: Rooms = context.obj
    shown = _policy(rooms.trustee_policy(folder))
    emit(shown, as_json=as_json, prose=lambda: typer.echo(_lines(shown)))


@trustee.command()
def status(context: typer.Context, folder: Folder, as_json: AsJson = False) -> None:
    """Show this trustee's place in the trustee set, what waits for a person, and the odds of losing the quorum."""
    rooms: Rooms = context.obj
    about = json.loads(rooms.trustee_about(folder))
    shown = {name: about[name] for name in ("name", "epoch", "index")}
    shown["waiting"] = len(rooms.trustee_reviews(folder))
    shown["changes"] = [shown_change(one) for one in rooms.trustee_changes(folder)]
    shown["quorum"] = _quorum(rooms.trustee_standing(folder))
    spoken = {**shown, "changes": len(shown["changes"])}
    emit(shown, as_json=as_json, prose=lambda: typer.echo(_lines(spoken)))


@trustee.command()
def review(
    context: typer.Context,
    folder: Folder,
    request: Annotated[
        str | None, typer.Argument(help="The request to decide, by the first letters of its digest.")
    ] = None,
    *,
    approve: Annotated[bool, typer.Option("--approve", help="Answer it when it comes again.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="Never answer it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the opening requests that wait for a person at this trustee, or decide one of them."""
    from diptych.protocols.opening.holding import Review

    rooms: Rooms = context.obj
    waiting = rooms.trustee_reviews(folder)
    if request is None:
        if approve or refuse:
            raise typer.BadParameter("say which request: diptych trustee review FOLDER REQUEST --approve")
        emit(
            {"waiting": [_reviewed(one) for one in waiting]},
            as_json=as_json,
            prose=lambda: _show_waiting(waiting),
        )
        return
    if approve == refuse:
        raise typer.BadParameter("give either --approve or --refuse")
    found = [one for one in waiting if one.request.hex().startswith(request.lower())]
    if len(found) != 1:
        raise FormatError("review.request", f"{len(found)} waiting requests begin with that: give more of it")
    decided = rooms.trustee_review(folder, found[0].request, Review.APPROVED if approve else Review.REFUSED)
    emit(
        _reviewed(decided),
        as_json=as_json,
        prose=lambda: typer.echo(f"{decided.review.value.capitalize()}: {decided.request.hex()[:16]}"),
    )


@trustee.command()
def expire(
    context: typer.Context,
    folder: Folder,
    *,
    retention: Annotated[str, typer.Option(help="The retention class, such as identity-15y.", show_default=False)],
    before: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Months before this one.", show_default="the present month")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Destroy month keys: every mask that came in under them is gone for good, in every backup too.

    Exit 1 if it is not confirmed. A server that runs needs no restart.
    """
    from diptych.roles.trustee.expiry import periods_before

    rooms: Rooms = context.obj
    month = before or f"{datetime.now(UTC):%Y-%m}"
    periods = periods_before(rooms.trustee_months(folder), retention=retention, before=month)
    if periods and not yes:
        progress("\n".join(periods))
        if not typer.confirm("Destroy these months' keys, for good? Nothing brings them back.", err=True):
            raise typer.Exit(EXIT_DOES_NOT_HOLD)
    rooms.destroy_months(folder, periods)
    emit(
        {"destroyed": list(periods)},
        as_json=as_json,
        prose=lambda: typer.echo(
            "\n".join(f"Destroyed: {one}" for one in periods) or "No month of that class is over."
        ),
    )


def _quorum(found: "QuorumStanding | None") -> dict[str, object] | None:
    if found is None:
        return None
    return {
        "trustees": found.trustees,
        "threshold": found.threshold,
        "spares": found.spares,
        "records": found.records,
        "odds_of_loss_a_year_at_most": _odds(found.odds.year_at_most),
        "odds_of_loss_until_replaced": {
            f"{gone} gone": _odds(odds) for gone, odds in found.odds.until_replaced.items()
        },
        "assumed": {
            "loss_percent_a_year": found.risk.loss_percent_a_year,
            "days_to_replace": found.risk.days_to_replace,
        },
    }


def _odds(odds: float) -> float:
    return float(f"{odds:.2g}")


def _policy(found: "TrusteePolicy") -> dict[str, object]:
    holder = found.holder
    return {
        "log": sorted({known.key.name for known in holder.log.logs}),
        "waiting_hours": holder.waiting_time.total_seconds() / 3600,
        "request_minutes": holder.lifetime.total_seconds() / 60,
        "delay_minutes": holder.max_delay.total_seconds() / 60,
        "openings_a_day": {"officer": holder.officer_quota, "agency": holder.agency_quota},
        "audit": {"since": holder.audit_since.isoformat(), "grace_days": holder.audit_grace.days},
        "auditors": sorted(key.hex() for key in found.auditors),
        "legal_bases": {
            name: {
                "since": basis.since.isoformat(),
                "until": None if basis.until is None else basis.until.isoformat(),
                "role": basis.role.value,
                "judicial": basis.is_judicial,
                "citizens_own": basis.is_citizens_own,
                "approval": basis.needs_approval,
                "max_deferral_days": basis.max_deferral.days,
            }
            for name, basis in holder.legal_bases.items()
        },
        "lookups": {
            purpose: {
                "legal_bases": sorted(lookup.legal_bases),
                "officer_a_day": lookup.officer_quota,
                "agency_a_day": lookup.agency_quota,
            }
            for purpose, lookup in found.lookups.items()
        },
        "quorum": {
            "loss_percent_a_year": found.risk.loss_percent_a_year,
            "days_to_replace": found.risk.days_to_replace,
        },
    }


def _reviewed(one: "Reviewed") -> dict[str, object]:
    """What a person has to see to decide; the case reference is shown to nobody else."""
    return {
        "request": one.request.hex(),
        "review": one.review.value,
        "officer": one.officer.hex(),
        "record": one.record_id.hex(),
        "legal_basis": one.legal_basis,
        "purpose": one.purpose,
        "case": one.case.reveal(),
        "expires_at": one.expires_at.isoformat(),
    }


def _show_waiting(waiting: "Sequence[Reviewed]") -> None:
    if not waiting:
        typer.echo("Nothing waits for a person.")
    for one in waiting:
        shown = _reviewed(one)
        typer.echo(f"{one.request.hex()[:16]}")
        for name in ("legal_basis", "purpose", "case", "officer", "record", "expires_at"):
            typer.echo(f"  {name:12} {shown[name]}")


def _lines(shown: dict[str, object], indent: str = "") -> str:
    lines = []
    for name, value in shown.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", _lines(value, indent + "  ")]
        else:
            said = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"{indent}{name}: {'-' if said in (None, '') else said}")
    return "\n".join(line for line in lines if line)
