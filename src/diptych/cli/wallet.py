"""`diptych wallet`: documents on the citizen's own device, from the offer to the answer.

What the wallet does is in `roles/wallet`; what it says in plain words is in `wallet_words`.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych import config
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, Yes, emit, progress
from diptych.errors import FormatError, Refused
from diptych.private import Secret

if TYPE_CHECKING:
    from diptych.crypto.longfellow import Claim
    from diptych.crypto.signing import PublicKey
    from diptych.roles.wallet.planning import Plan
    from diptych.roles.wallet.ports import Prover
    from diptych.roles.wallet.presenting import Consent
    from diptych.roles.wallet.receiving import OfferPreview
    from diptych.roles.wallet.service import Renewed, Wallet

MIN_PASSPHRASE = 8

wallet = typer.Typer(name="wallet", help="Hold documents, and answer verifiers with no more than is asked.")
wallet.info.no_args_is_help = True

Folder = Annotated[
    Path | None,
    typer.Option("--wallet", metavar="FOLDER", help="The wallet's folder; else DIPTYCH_WALLET, or your own."),
]
Trust = Annotated[Path, typer.Option("--trust", help="The issuer's trust.json: whose documents are believed.")]
VerifierTrust = Annotated[
    Path, typer.Option("--verifier-trust", help="verifier-trust.json: who may ask, and who registers for what.")
]
Which = Annotated[str, typer.Argument(metavar="DOCUMENT", help="A document's type or id, as `wallet list` shows it.")]


@wallet.command("init")
def init(
    context: typer.Context,
    *,
    trust: Trust,
    verifier_trust: VerifierTrust,
    at: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="The same as --wallet FOLDER.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty wallet, sealed under a passphrase."""
    rooms: Rooms = context.obj
    place = at or folder or config.wallet_folder()
    rooms.new_wallet(place, _new_passphrase(), trust, verifier_trust)
    emit(
        {"wallet": str(place)},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"The wallet is made in {place}. Without its passphrase nobody opens it, not even you."
        ),
    )


@wallet.command("trust")
def trust_again(
    context: typer.Context,
    trust: Trust,
    verifier_trust: VerifierTrust,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Replace what the wallet believes about issuers and verifiers."""
    opened = _open(context, folder, renews=False)
    opened.set_trust(_read(trust), _read(verifier_trust))
    emit({"trusted": True}, as_json=as_json, prose=lambda: typer.echo("The wallet believes these from now on."))


@wallet.command("accept")
def accept(
    context: typer.Context,
    *,
    offer: Annotated[str, typer.Argument(metavar="OFFER", help="The link of an offer, in quotes.")],
    tx_code: Annotated[str | None, typer.Option("--tx-code", help="The transaction code told to you apart.")] = None,
    folder: Folder = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take the documents of an offer. After a failure, run it again: it goes on where it stopped."""
    from diptych.cli import wallet_words as words

    opened = _open(context, folder)
    with _working("Asking the issuer what is on offer"):
        preview = opened.preview_offer(offer)
    if not (yes and as_json):
        words.show_offer(preview)
    code = _tx_code(preview, tx_code)
    if not yes and not typer.confirm("Take these documents?", err=True):
        raise Refused("wallet.not_agreed", "nothing was taken")
    with _working("Making keys, receiving and checking the documents"):
        received = opened.accept(offer, code, now=_now())
    held = [holding for holding in opened.list(now=_now()) if holding.document in received.documents]
    emit(
        {
            "documents": [words.holding_as_json(holding) for holding in held],
            "refused": [
                {"document": one.configuration_id, "check": one.check, "message": one.message}
                for one in received.refused
            ],
        },
        as_json=as_json,
        prose=lambda: words.show_received(received, held),
    )
    if received.refused:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


@wallet.command("list")
def list_documents(context: typer.Context, folder: Folder = None, as_json: AsJson = False) -> None:
    """List the documents, how long they are good for, and how many copies are left."""
    from diptych.cli import wallet_words as words

    holdings = _open(context, folder).list(now=_now())
    emit(
        {"documents": [words.holding_as_json(holding) for holding in holdings]},
        as_json=as_json,
        prose=lambda: words.show_list(holdings),
    )


@wallet.command("show")
def show(context: typer.Context, document: Which, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show what one document says."""
    from diptych.cli import wallet_words as words

    holding = _open(context, folder).show(document, now=_now())
    emit(words.document_as_json(holding), as_json=as_json, prose=lambda: words.show_document(holding))


@wallet.command("present")
def present(
    context: typer.Context,
    *,
    link: Annotated[str, typer.Argument(metavar="LINK", help="The link of a verifier's request, in quotes.")],
    linkable: Annotated[
        bool, typer.Option("--linkable", help="With --yes: agree to a recognisable answer where no proof can be given.")
    ] = False,
    folder: Folder = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """See who asks, what for and what they would learn; agree or not; answer with the least that is enough."""
    import time

    from diptych.cli import wallet_words as words
    from diptych.roles.wallet.planning import Unanswerable
    from diptych.roles.wallet.presenting import Consent

    opened = _open(context, folder)
    try:
        with _working("Fetching the request and checking who asks"):
            plan = opened.review(link, now=_now())
    except Unanswerable as error:
        words.show_asked(error.verified)
        raise
    if not (yes and as_json):
        words.show_plan(plan)
    consent = Consent(agrees=True, accepts_linkable=linkable) if yes else _ask_consent(plan, linkable)
    if not consent.agrees:
        opened.decline(plan, now=_now())
        emit(
            words.answer_as_json(plan, verdict="declined", redirect=None, milliseconds=0.0, size=0),
            as_json=as_json,
            prose=lambda: typer.echo("Declined. They were told no, and nothing else."),
        )
        raise typer.Exit(EXIT_DOES_NOT_HOLD)
    stopwatch = _Stopwatch(opened.prover)
    opened = replace(opened, prover=stopwatch)
    with _working("Making the answer on this device"):
        started = time.perf_counter()
        prepared = opened.prepare(plan, consent, now=_now())
        milliseconds = stopwatch.milliseconds or (time.perf_counter() - started) * 1000
    with _working("Sending it and waiting for the verdict"):
        sent = opened.send(prepared)
    verdict = "accepted" if sent.is_accepted else "refused"
    answer = words.answer_as_json(
        plan, verdict=verdict, redirect=sent.redirect_uri, milliseconds=milliseconds, size=prepared.size
    )
    emit(answer, as_json=as_json, prose=lambda: words.show_sent(plan, sent, milliseconds, prepared.size))
    if not sent.is_accepted:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


@wallet.command("history")
def history(context: typer.Context, folder: Folder = None, as_json: AsJson = False) -> None:
    """What was received, shown, declined and refused. It is kept in this wallet and nowhere else."""
    from diptych.cli import wallet_words as words

    opened = _open(context, folder)
    entries = opened.history()
    names = {holding.document.configuration_id: holding.document.names for holding in opened.list(now=_now())}
    emit(
        {"history": [words.entry_as_json(entry) for entry in entries]},
        as_json=as_json,
        prose=lambda: words.show_history(entries, names),
    )


@wallet.command("renew")
def renew(
    context: typer.Context,
    document: Annotated[str | None, typer.Argument(metavar="[DOCUMENT]", help="One document, due or not.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Renew what is due, or one document now. Every other command renews what is due, too."""
    opened = _open(context, folder, renews=False)
    with _working("Renewing"):
        renewed = opened.renew_due(now=_now()) if document is None else opened.renew(document, now=_now())
    emit(
        {
            "renewed": [
                {"document": one.configuration_id, "valid_until": one.valid_until.isoformat().replace("+00:00", "Z")}
                for one in renewed.documents
            ],
            "failed": [
                {"document": one.document.configuration_id, "check": one.check, "message": one.message}
                for one in renewed.failures
            ],
        },
        as_json=as_json,
        prose=lambda: _say_renewed(renewed, typer.echo, otherwise="Nothing is due."),
    )
    if renewed.failures:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


class _Stopwatch:
    """A prover, and how long its proofs took in all."""

    def __init__(self, prover: "Prover") -> None:
        self._prover = prover
        self.milliseconds = 0.0

    def prove(
        self,
        *,
        document: bytes,
        issuer_key: "PublicKey",
        transcript: bytes,
        claims: "Sequence[Claim]",
        timestamp: datetime,
        zk_system_id: str,
    ) -> bytes:
        import time

        started = time.perf_counter()
        proof = self._prover.prove(
            document=document,
            issuer_key=issuer_key,
            transcript=transcript,
            claims=claims,
            timestamp=timestamp,
            zk_system_id=zk_system_id,
        )
        self.milliseconds += (time.perf_counter() - started) * 1000
        return proof


def _open(context: typer.Context, folder: Path | None, *, renews: bool = True) -> "Wallet":
    """The wallet, unlocked; what is due is renewed on the way, and a failure of that stops nothing."""
    from diptych.errors import DiptychError

    rooms: Rooms = context.obj
    opened = rooms.wallet(folder or config.wallet_folder(), _passphrase())
    if renews and opened.due(now=_now()):
        with _working("Renewing what is due"):
            try:
                _say_renewed(opened.renew_due(now=_now()), progress)
            except DiptychError as error:
                progress(f"Not renewed now: {error.message} ({error.check})")
    return opened


def _say_renewed(renewed: "Renewed", say: Callable[[str], None], *, otherwise: str | None = None) -> None:
    from diptych.cli import wallet_words as words

    for document in renewed.documents:
        say(f"Renewed: {words.called(document.names)}, good until {document.valid_until:%Y-%m-%d}")
    for failure in renewed.failures:
        say(f"Not renewed: {words.called(failure.document.names)}: {failure.message} ({failure.check})")
    if otherwise is not None and not renewed.documents and not renewed.failures:
        say(otherwise)


def _ask_consent(plan: "Plan", linkable: bool) -> "Consent":
    from diptych.roles.wallet.presenting import Consent

    agrees = typer.confirm("Do you agree?", err=True)
    if agrees and plan.is_fallback and not linkable:
        linkable = typer.confirm("No proof can be given. Give the recognisable answer instead?", err=True)
        agrees = linkable
    return Consent(agrees=agrees, accepts_linkable=linkable)


def _tx_code(preview: "OfferPreview", given: str | None) -> Secret | None:
    if preview.tx_code is None:
        return None
    if given is None:
        if not sys.stdin.isatty():
            raise FormatError("wallet.tx_code_missing", "this offer needs a transaction code: give it with --tx-code")
        given = str(typer.prompt("Transaction code", err=True))
    return Secret("".join(given.split()).encode())


def _passphrase() -> Secret:
    found = config.wallet_passphrase()
    if found is not None:
        return found
    _expect_terminal()
    return Secret(str(typer.prompt("Passphrase", hide_input=True, err=True)).encode())


def _new_passphrase() -> Secret:
    found = config.wallet_passphrase()
    if found is None:
        _expect_terminal()
        typed = typer.prompt("A passphrase for the wallet", hide_input=True, confirmation_prompt=True, err=True)
        found = Secret(str(typed).encode())
    if len(found) < MIN_PASSPHRASE:
        raise FormatError("wallet.passphrase_short", f"a passphrase has at least {MIN_PASSPHRASE} characters")
    return found


def _expect_terminal() -> None:
    if not sys.stdin.isatty():
        raise FormatError("wallet.passphrase_missing", f"set {config.WALLET_UNLOCKED_BY}, or run this in a terminal")


@contextmanager
def _working(what: str) -> Iterator[None]:
    """Something that may take longer than a second, shown on stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with console.status(f"{what} ..."):
            yield
    else:
        progress(f"{what} ...")
        yield


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError("wallet.trust_file", f"{path.name} cannot be read: {error.strerror}") from error


def _now() -> datetime:
    return datetime.now(UTC)
