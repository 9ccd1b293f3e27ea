"""`diptych wallet`: documents on the citizen's own device, from the offer to the answer.

What the wallet does is in `roles/wallet`; what it says in plain words is in `wallet_words`; its passphrase, backups and
moves are in `wallet_life`.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli import wallet_acts, wallet_life, wallet_record
from diptych.cli import wallet_door as door
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, Yes, emit
from diptych.cli.wallet_door import Folder, LogCopy
from diptych.errors import FormatError, Refused
from diptych.private import Secret

if TYPE_CHECKING:
    from diptych.crypto.longfellow import Claim
    from diptych.crypto.signing import PublicKey
    from diptych.roles.wallet.planning import Plan
    from diptych.roles.wallet.ports import Prover
    from diptych.roles.wallet.presenting import Consent
    from diptych.roles.wallet.receiving import OfferPreview
    from diptych.roles.wallet.service import Wallet
    from diptych.roles.wallet.statuses import DocumentStatus

wallet = typer.Typer(name="wallet", help="Hold documents, and answer verifiers with no more than is asked.")
wallet.info.no_args_is_help = True

Trust = Annotated[Path, typer.Option("--trust", help="The issuer's trust.json: whose documents are believed.")]
VerifierTrust = Annotated[
    Path, typer.Option("--verifier-trust", help="verifier-trust.json: who may ask, and who registers for what.")
]
LogPolicy = Annotated[
    Path | None,
    typer.Option("--log-policy", help="The public log's policy: nothing is taken without its receipt from then on."),
]
Which = Annotated[str, typer.Argument(metavar="DOCUMENT", help="A document's type or id, as `wallet list` shows it.")]


@wallet.command("init")
def init(
    context: typer.Context,
    *,
    trust: Trust,
    verifier_trust: VerifierTrust,
    log_policy: LogPolicy = None,
    without_log: Annotated[
        bool, typer.Option("--without-log", help="Take documents that no public log has a word of.")
    ] = False,
    at: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="The same as --wallet FOLDER.")] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make an empty wallet, sealed under a passphrase."""
    rooms: Rooms = context.obj
    if (log_policy is None) == (not without_log):
        raise typer.BadParameter("name the public log with --log-policy FILE, or say --without-log")
    place = at or door.place(folder)
    rooms.new_wallet(place, door.asked_first().new(), trust, verifier_trust, log_policy)
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
    *,
    trust: Trust,
    verifier_trust: VerifierTrust,
    log_policy: LogPolicy = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Replace what the wallet believes about issuers and verifiers; and about the log, if a policy is given."""
    opened = door.open_wallet(context, folder, renews=False)
    opened.set_trust(_read(trust), _read(verifier_trust), None if log_policy is None else _read(log_policy))
    lost = [holding for holding in opened.list(now=door.now()) if holding.lost_at is not None]

    def say() -> None:
        from diptych.cli import wallet_words as words

        typer.echo("The wallet believes these from now on.")
        words.show_lost(lost)

    emit({"trusted": True, "lost": [holding.document.configuration_id for holding in lost]}, as_json=as_json, prose=say)


@wallet.command("tokens")
def tokens(context: typer.Context, *, log: LogCopy = None, folder: Folder = None, as_json: AsJson = False) -> None:
    """Fetch, ahead of need, what proves that documents are not revoked: whole lists, so that nobody sees whose.

    The public log is read too: an issuer that makes a list for one person alone is found out, and not used.
    """
    opened = door.open_wallet(context, folder, renews=False)
    files = door.log_files(context, opened, log) if opened.knows_log() else None
    with door.working("Asking the issuer for its lists, and the public log for their keys"):
        found = opened.fetch_tokens(now=door.now(), files=files)

    def say() -> None:
        if found.epoch is None:
            typer.echo("There is no list to fetch: the issuer has published none, or nothing here needs one.")
        for one in found.standing:
            typer.echo(f"{one.configuration_id}: stands in epoch {found.epoch}.")
        for one in found.missing:
            typer.echo(f"{one.configuration_id}: not in epoch {found.epoch}. Received since, or revoked.")

    emit(
        {
            "epoch": found.epoch,
            "standing": [one.configuration_id for one in found.standing],
            "missing": [one.configuration_id for one in found.missing],
        },
        as_json=as_json,
        prose=say,
    )


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

    opened = door.open_wallet(context, folder)
    with door.working("Asking the issuer what is on offer"):
        preview = opened.preview_offer(offer)
    if not (yes and as_json):
        words.show_offer(preview)
    code = _tx_code(preview, tx_code)
    if not yes and not typer.confirm("Take these documents?", err=True):
        raise Refused("wallet.not_agreed", "nothing was taken")
    with door.working("Making keys, receiving and checking the documents"):
        received = opened.accept(offer, code, now=door.now())
    held = [holding for holding in opened.list(now=door.now()) if holding.document in received.documents]
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

    opened = door.open_wallet(context, folder)
    holdings = opened.list(now=door.now())
    statuses = _statuses(opened)

    def say() -> None:
        words.show_list(holdings, statuses)
        wallet_life.show_standing(opened)

    documents = [{**words.holding_as_json(one), "status": statuses.get(one.document.id)} for one in holdings]
    emit(
        {"documents": documents, **wallet_life.standing_as_json(opened)},
        as_json=as_json,
        prose=say,
    )


@wallet.command("show")
def show(context: typer.Context, document: Which, folder: Folder = None, as_json: AsJson = False) -> None:
    """Show what one document says."""
    from diptych.cli import wallet_words as words

    opened = door.open_wallet(context, folder)
    holding = opened.show(document, now=door.now())
    # Of all documents: whoever watches the line does not see which one is looked at.
    statuses = _statuses(opened)

    def say() -> None:
        words.show_document(holding)
        words.show_statuses([holding], statuses)

    emit({**words.document_as_json(holding), "status": statuses.get(holding.document.id)}, as_json=as_json, prose=say)


def _statuses(opened: "Wallet") -> "Mapping[str, DocumentStatus]":
    with door.working("Asking for the lists that say what still stands"):
        return opened.statuses(now=door.now())


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

    opened = door.open_wallet(context, folder)
    try:
        with door.working("Fetching the request and checking who asks"):
            plan = opened.review(link, now=door.now())
    except Unanswerable as error:
        words.show_asked(error.verified)
        raise
    if not (yes and as_json):
        words.show_plan(plan)
    consent = Consent(agrees=True, accepts_linkable=linkable) if yes else _ask_consent(plan, linkable)
    if not consent.agrees:
        opened.decline(plan, now=door.now())
        emit(
            words.answer_as_json(plan, verdict="declined", redirect=None, milliseconds=0.0, size=0),
            as_json=as_json,
            prose=lambda: typer.echo("Declined. They were told no, and nothing else."),
        )
        raise typer.Exit(EXIT_DOES_NOT_HOLD)
    stopwatch = _Stopwatch(opened.prover)
    opened = replace(opened, prover=stopwatch)
    with door.working("Making the answer on this device"):
        started = time.perf_counter()
        prepared = opened.prepare(plan, consent, now=door.now())
        milliseconds = stopwatch.milliseconds or (time.perf_counter() - started) * 1000
    with door.working("Sending it and waiting for the verdict"):
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

    opened = door.open_wallet(context, folder)
    entries = opened.history()
    names = {holding.document.configuration_id: holding.document.names for holding in opened.list(now=door.now())}
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
    opened = door.open_wallet(context, folder, renews=False)
    with door.working("Renewing"):
        renewed = opened.renew_due(now=door.now()) if document is None else opened.renew(document, now=door.now())
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
        prose=lambda: door.say_renewed(renewed, typer.echo, otherwise="Nothing is due."),
    )
    if renewed.failures:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


wallet.command("acts")(wallet_acts.acts)
wallet.command("record")(wallet_record.record)
wallet.command("passphrase")(wallet_life.passphrase)
wallet.command("backup")(wallet_life.backup)
wallet.command("restore")(wallet_life.restore)
wallet.command("move")(wallet_life.move)
wallet.command("adopt")(wallet_life.adopt)
wallet.command("forgotten")(wallet_life.forgotten)


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


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError("wallet.trust_file", f"{path.name} cannot be read: {error.strerror}") from error
