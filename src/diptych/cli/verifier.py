"""`diptych verifier`: make a verifier, ask questions, read verdicts. Running it is `diptych serve verifier`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.rooms import Rooms
from diptych.cli.terminal import AsJson, Key, emit, progress

if TYPE_CHECKING:
    from diptych.adapters.http.relying_party import Outcome, Question

verifier = typer.Typer(
    name="verifier", help="Ask questions about people, and keep only verdicts.", no_args_is_help=True
)

Folder = Annotated[Path, typer.Argument(help="The verifier's folder.", show_default=False)]
VerifierFolder = Annotated[Path, typer.Option("--verifier", help="The verifier's folder, made by `verifier init`.")]
PresentationId = Annotated[str, typer.Argument(metavar="ID", help="What `verifier ask --no-wait` printed.")]

SLICE_SECONDS = 5


@verifier.command()
def init(
    context: typer.Context,
    folder: Folder,
    *,
    url: Annotated[
        str, typer.Option(help="Where wallets reach it, such as https://verifier.example.", show_default=False)
    ],
    trust: Annotated[Path, typer.Option(help="An issuer's trust.json: whose documents count.", show_default=False)],
    name: Annotated[str, typer.Option(help="Who asks, as wallets show it.")] = "Café Utopia",
    country: Annotated[str, typer.Option(help="The country (ISO 3166-1) in its certificate.")] = "UT",
    log_policy: Annotated[
        Path | None,
        typer.Option(help="The public log's policy: an epoch's key is believed once everybody can see it there."),
    ] = None,
    key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Make a new verifier: its key, its certificates, its policies; a demo registrar vouches for it."""
    rooms: Rooms = context.obj
    wallets_trust = rooms.new_verifier(folder, url, trust, name, country, key=key, log_policy=log_policy)
    emit(
        {"folder": str(folder), "url": url, "verifier_trust": str(wallets_trust)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The verifier is ready in {folder}. Wallets take {wallets_trust}.\n"
            f"Start it with: diptych serve verifier {folder}"
        ),
    )


@verifier.command()
def register(context: typer.Context, folder: VerifierFolder = Path("verifier"), as_json: AsJson = False) -> None:
    """Register the policies anew after a change: wallets refuse what is not registered."""
    rooms: Rooms = context.obj
    uses = rooms.register_verifier(folder)
    emit(
        {"registered": list(uses)},
        as_json=as_json,
        prose=lambda: typer.echo(f"Registered: {', '.join(uses)}."),
    )


@verifier.command("trust")
def take_trust(
    context: typer.Context,
    folder: Folder,
    trust_file: Annotated[Path, typer.Argument(metavar="TRUST", help="The issuer's trust.json.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Believe the issuer's present signers. A running server does so within seconds."""
    rooms: Rooms = context.obj
    found = rooms.verifier_trust(folder, trust_file)
    lost = sorted({one.doc_type for one in found.lost.values()})
    emit(
        {"signers": {name: len(leaves) for name, leaves in found.signers.items()}, "lost": lost},
        as_json=as_json,
        prose=lambda: typer.echo(
            "Believed from now on."
            + (f" No longer: what signers that were lost have signed ({', '.join(lost)})." if lost else "")
        ),
    )


@verifier.command("rotate-key")
def rotate_key(context: typer.Context, folder: Folder, key: Key = None, as_json: AsJson = False) -> None:
    """Make a new key, certified and registered. It asks from a minute on; a running server learns it by itself."""
    rooms: Rooms = context.obj
    parties = rooms.rotate_verifier_key(folder, key)
    since = parties[-1].since
    emit(
        {
            "keys": [
                {"key": one.key, "since": None if one.since is None else one.since.isoformat().replace("+00:00", "Z")}
                for one in parties
            ]
        },
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The new key asks from {since:%Y-%m-%d %H:%M:%S} UTC. Wallets need nothing new: it is under the same root."
        ),
    )


@verifier.command()
def policies(context: typer.Context, folder: VerifierFolder = Path("verifier"), as_json: AsJson = False) -> None:
    """List the questions that can be asked."""
    rooms: Rooms = context.obj
    found = rooms.policies(folder).values()
    emit(
        [
            {
                "id": one.id,
                "name": {"en": one.name.en, "fr": one.name.fr},
                "purpose": {"en": one.purpose.en, "fr": one.purpose.fr},
                "zk_required": one.zk_required,
            }
            for one in found
        ],
        as_json=as_json,
        prose=lambda: typer.echo(
            "\n".join(f"{one.id:<20}{one.name.en} · {one.name.fr}\n{'':<20}{one.purpose.en}" for one in found)
        ),
    )


@verifier.command()
def ask(
    context: typer.Context,
    policy: Annotated[str, typer.Argument(metavar="POLICY", help="A policy; `verifier policies` lists them.")],
    *,
    folder: VerifierFolder = Path("verifier"),
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the link and end; read the verdict later.")] = False,
    seconds: Annotated[int, typer.Option(help="How long to wait for the verdict.", min=1, max=3600)] = 300,
    as_json: AsJson = False,
) -> None:
    """Ask one question: show the link for the person's wallet, and wait for the verdict."""
    rooms: Rooms = context.obj
    question = rooms.relying_party(folder).ask(policy)
    if no_wait:
        rooms.keep_question(folder, question.id, question.secret)
        emit(
            {"id": question.id, "link": question.link, "policy": policy, "expires": question.expires_at},
            as_json=as_json,
            prose=lambda: _show_question(question, f"diptych verifier verdict {question.id} --verifier {folder}"),
        )
        return
    if as_json:
        progress(question.link)
    else:
        _show_question(question, None)
    outcome = _wait(question, seconds)
    _emit_outcome(outcome, as_json)


@verifier.command()
def verdict(
    context: typer.Context,
    presentation_id: PresentationId,
    folder: VerifierFolder = Path("verifier"),
    as_json: AsJson = False,
) -> None:
    """Read the verdict of a question that was asked with --no-wait."""
    rooms: Rooms = context.obj
    secret = rooms.kept_question(folder, presentation_id)
    outcome = rooms.relying_party(folder).outcome(presentation_id, secret)
    if outcome.is_final:
        rooms.drop_question(folder, presentation_id)
    _emit_outcome(outcome, as_json)


@verifier.command()
def kept(context: typer.Context, folder: VerifierFolder = Path("verifier"), as_json: AsJson = False) -> None:
    """Print every verdict that the verifier kept: verdict, policy, time. There is nothing else to print."""
    rooms: Rooms = context.obj
    found = [
        {"verdict": one.encode(), "policy": one.policy, "time": one.time.isoformat().replace("+00:00", "Z")}
        for one in rooms.verdicts(folder)
    ]
    emit(
        found,
        as_json=as_json,
        prose=lambda: typer.echo("\n".join(f"{one['time']}  {one['policy']:<20}{one['verdict']}" for one in found)),
    )


def _wait(question: "Question", seconds: int) -> "Outcome":
    """The verdict, or how it stands after `seconds`; each change is a line of progress."""
    told = ""
    left = seconds
    while True:
        outcome = question.wait(min(left, SLICE_SECONDS))
        left -= SLICE_SECONDS
        if outcome.is_final or left <= 0:
            return outcome
        if outcome.state != told:
            told = outcome.state
            progress({"asked": "Waiting for a wallet ...", "fetched": "A wallet read the request ..."}.get(told, "..."))


def _emit_outcome(outcome: "Outcome", as_json: bool) -> None:
    emit(
        {
            "id": outcome.id,
            "verdict": outcome.state,
            "policy": outcome.policy,
            "check": outcome.check,
            "time": outcome.time,
            "mechanism": outcome.mechanism,
            "verify_ms": outcome.verify_ms,
            "bytes": outcome.size,
            "revealed": {name: value.reveal() for name, value in outcome.revealed.items()},
        },
        as_json=as_json,
        prose=lambda: _show_outcome(outcome),
    )
    if not outcome.accepted and outcome.is_final:
        raise typer.Exit(1)


def _show_question(question: "Question", later: str | None) -> None:
    import segno

    segno.make(question.link, error="l").terminal(sys.stdout, compact=True, border=2)
    typer.echo(question.link)
    if later is not None:
        typer.echo(f"Read the verdict with: {later}")


def _show_outcome(outcome: "Outcome") -> None:
    reason = f" ({outcome.check})" if outcome.check else ""
    typer.echo(f"{outcome.state.upper()}{reason}  {outcome.policy}")
    if outcome.verify_ms is not None and outcome.size is not None:
        typer.echo(f"{outcome.mechanism}, {outcome.size:,} bytes, checked in {outcome.verify_ms} ms")
    for name, value in outcome.revealed.items():
        typer.echo(f"{name}: {value.reveal()}")
