"""The wallet in plain words and in JSON: who asks, what for, what they learn, what they do not, and how.

Everything that others wrote is shown without its control characters. Decides nothing.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from diptych import config
from diptych.cli import wallet_status_words
from diptych.formats.strict_json import Json
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.roles.wallet.model import Event, HistoryEntry, Holding, Names, Outcome
from diptych.roles.wallet.planning import Disclosure, Mechanism, Plan
from diptych.roles.wallet.presenting import Sent
from diptych.roles.wallet.receiving import OfferPreview, Received
from diptych.roles.wallet.statuses import DocumentStatus
from diptych.roles.wallet.values import to_json

FORMAT = "mso_mdoc"
MOST_WITHHELD = 8
MOST_SHOWN = 200

HOW = {
    Mechanism.BBS: (
        "Zero-knowledge proof (fast suite). They learn the facts above, that the document behind them is genuine, and"
        " who issued it. Nothing in the answer is yours to be recognised by, not even with the issuer's help; a"
        " pseudonym, where they ask for one, is the same only here."
    ),
    Mechanism.LONGFELLOW: (
        "Zero-knowledge proof (longfellow). They learn the facts above, that the document behind them is genuine and"
        " valid now, and who issued it. Nothing in the answer is yours to be recognised by: two answers cannot be"
        " linked by what is in them, not even with the issuer's help."
    ),
    Mechanism.MDOC: (
        "Signed copy (mdoc) that holds only what is named above. Its signature and key are recognised by whoever sees"
        " them again, and the issuer knows whom it gave them to. So this copy is used once and never again."
    ),
}
EVENTS = {
    Event.RECEIVED: "received from",
    Event.RENEWED: "renewed by",
    Event.PRESENTED: "answered",
    Event.DECLINED: "declined",
    Event.REFUSED: "refused to answer",
    Event.BACKED_UP: "backed up",
    Event.MOVED: "moved to a file, for another device",
    Event.RESTORED: "restored from a copy",
}
OUTCOMES = {Outcome.DONE: "", Outcome.UNKNOWN: "no word of how it ended", Outcome.REJECTED: "they did not accept it"}


def called(names: Names) -> str:
    """A name in the person's language, or in any."""
    found = names.get(config.language()) or names.get("en") or next(iter(names.values()), "")
    return clean(found)


def clean(text: str) -> str:
    """What others wrote, fit for a terminal: no control or direction-changing characters, and not endless."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text[: MOST_SHOWN + 1])
    return shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "…"


def show_offer(preview: OfferPreview) -> None:
    """What accepting would bring, on stderr: it goes before a question."""
    lines = [Text(f"• {called(document.names) or clean(document.configuration_id)}") for document in preview.documents]
    who = called(preview.issuer_names)
    title = f"{who} offers you" if who else "You are offered"
    footer = Text(f"\nfrom {clean(preview.issuer)}", style="dim")
    if preview.is_resumed:
        footer.append("\nYou accepted this offer before; this is what is still missing.")
    if not preview.is_known:
        footer.append(
            "\nNo issuer that this wallet trusts names this address. Whoever is there would get the transaction code:"
            " compare it with the address that you were given at the counter.",
            style="bold yellow",
        )
    _to_person().print(Panel(Group(*lines, footer), title=Text(title), title_align="left", expand=False))


def show_received(received: Received, holdings: Sequence[Holding]) -> None:
    """What came in, and what did not get in."""
    if holdings:
        show_list(holdings)
    for one in received.refused:
        line = Text("Not taken: ", style="bold red")
        line.append(f"{called(one.names)}: {one.message} ({one.check})", style="default")
        _console().print(line)


def show_list(holdings: Sequence[Holding], statuses: Mapping[str, DocumentStatus] | None = None) -> None:
    """Documents, one a line; `statuses` by document id, where they were asked for."""
    if not holdings:
        _console().print("This wallet is empty. Take an offer with: diptych wallet accept LINK")
        return
    table = Table("Document", "Type", "Good until", "Copies", "", box=None, header_style="bold", pad_edge=False)
    for holding in holdings:
        document = holding.document
        table.add_row(
            Text(called(document.names)),
            Text(clean(document.configuration_id), style="dim"),
            _day(document.valid_until),
            f"{holding.copies_left} of {holding.copies}",
            _standing(holding, (statuses or {}).get(document.id)),
        )
    _console().print(table)
    show_lost(holdings)
    show_statuses(holdings, statuses or {})


def show_document(holding: Holding) -> None:
    """One document with what it says."""
    document = holding.document
    table = Table.grid(padding=(0, 2))
    for attribute in holding.attributes:
        name = called(attribute.names) or clean(attribute.identifier)
        table.add_row(Text(name, style="dim"), Text(_value(to_json(attribute.value.reveal()), attribute.identifier)))
    footer = Text(
        f"\nGood from {_day(document.valid_from)} until {_day(document.valid_until)}, from {clean(document.issuer)}."
        f"\n{holding.copies_left} of {holding.copies} single-use copies left. Id {document.id}.{_fast(holding)}",
        style="dim",
    )
    panel = Panel(Group(table, footer), title=Text(called(document.names)), title_align="left", expand=False)
    _console().print(panel)


def show_plan(plan: Plan) -> None:
    """Who asks, what for, what they learn, what they do not, how; on stderr: it goes before a question."""
    parts: list[Text | Table] = []
    table = _asked(plan.verified)
    for disclosure in plan.disclosures:
        table.add_row("They learn", _learned(disclosure))
        table.add_row("They do not", _withheld(disclosure))
        table.add_row("How", Text(HOW[disclosure.mechanism]))
        if disclosure.mechanism is Mechanism.MDOC:
            left = Text(f"{disclosure.copies_left} left after this")
            left.stylize("bold yellow" if plan.runs_low else "")
            table.add_row("Copies", left)
    parts.append(table)
    if plan.is_fallback:
        warning = "They would take a proof that reveals less, but this wallet cannot make it now."
        parts.append(Text(f"\n{warning}", style="bold yellow"))
    _to_person().print(Panel(Group(*parts), title="A question for you", title_align="left", expand=False))


def show_asked(verified: VerifiedRequest) -> None:
    """Who asked what, where this wallet has no answer; on stderr, before the reason."""
    _to_person().print(Panel(_asked(verified), title="A question for you", title_align="left", expand=False))


def show_sent(plan: Plan, sent: Sent, milliseconds: float, size: int) -> None:
    """How it ended."""
    who = clean(plan.verified.verifier.name)
    line = Text(
        "Accepted. " if sent.is_accepted else "Not accepted. ", style="bold green" if sent.is_accepted else "bold red"
    )
    kilobytes = f"{size / 1000:.0f}" if size >= 10_000 else f"{size / 1000:.1f}"
    made = "copy" if plan.mechanism is Mechanism.MDOC else "proof"
    line.append(
        f"{who} has its answer: one {made} of {kilobytes} kB, made here in {milliseconds / 1000:.1f} s.",
        "default",
    )
    _console().print(line)
    if sent.redirect_uri is not None:
        _console().print(Text(f"Continue at: {sent.redirect_uri}"), soft_wrap=True)
    if plan.runs_low:
        _console().print(Text("Few copies are left: renew the document, or ask for a new one.", style="yellow"))


def show_history(entries: Sequence[HistoryEntry], names: Mapping[str, Names]) -> None:
    """The history, the latest first."""
    if not entries:
        _console().print("Nothing has happened yet.")
    for entry in entries:
        line = Text(f"{entry.at:%Y-%m-%d %H:%M}  ", style="dim")
        line.append(f"{EVENTS[entry.event]} ", style="default")
        line.append(clean(entry.who.reveal()), style="bold")
        if entry.mechanism is not None:
            line.append(f" with {entry.mechanism}", style="default")
        documents = [called(names[one]) if one in names else clean(one) for one in entry.documents.reveal()]
        for part in (
            ", ".join(documents),
            ", ".join(map(clean, entry.learned.reveal())),
            clean(entry.purpose.reveal()),
        ):
            if part:
                line.append(f" · {part}", style="default")
        if OUTCOMES[entry.outcome]:
            line.append(f" · {OUTCOMES[entry.outcome]}", style="yellow")
        _console().print(line)


def holding_as_json(holding: Holding) -> dict[str, Json]:
    """A document without what it says."""
    document = holding.document
    names: dict[str, Json] = dict(document.names.items())
    return {
        "id": document.id,
        "document": document.configuration_id,
        "doc_type": document.doc_type,
        "format": FORMAT,
        "names": names,
        "issuer": document.issuer,
        "copies": holding.copies,
        "copies_left": holding.copies_left,
        "valid_from": _moment(document.valid_from),
        "valid_until": _moment(document.valid_until),
        "is_valid": holding.is_valid,
        "is_renewable": holding.is_renewable,
        "lost_at": None if holding.lost_at is None else _moment(holding.lost_at),
        "fast_suite": {
            "held": holding.is_fast,
            "not_revoked_until": None if holding.stands_until is None else _moment(holding.stands_until),
        },
    }


def _fast(holding: Holding) -> str:
    if not holding.is_fast:
        return ""
    if holding.stands_until is None:
        return "\nProves by the fast suite too; whether it is revoked, not before `diptych wallet tokens`."
    return f"\nProves by the fast suite too; that it is not revoked, until {holding.stands_until:%Y-%m-%d %H:%M} UTC."


def document_as_json(holding: Holding) -> dict[str, Json]:
    """A document with what it says, by namespace and identifier."""
    attributes: dict[str, Json] = {}
    for attribute in holding.attributes:
        elements = attributes.setdefault(attribute.namespace, {})
        assert isinstance(elements, dict)
        elements[attribute.identifier] = to_json(attribute.value.reveal())
    return {**holding_as_json(holding), "attributes": attributes}


def answer_as_json(
    plan: Plan, *, verdict: str, redirect: str | None, milliseconds: float, size: int
) -> dict[str, Json]:
    """One presentation. `learned` is what the verifier was told; nothing, where it was told no."""
    verifier, use = plan.verified.verifier, plan.verified.use
    is_told = verdict != "declined"
    learned: list[Json] = [
        {
            "document": disclosure.document.configuration_id,
            "namespace": element.namespace,
            "identifier": element.identifier,
            "value": to_json(element.value.reveal()),
            "is_kept": element.is_kept,
        }
        for disclosure in plan.disclosures
        for element in disclosure.learned
        if is_told
    ]
    return {
        "verifier": {"name": verifier.name, "country": verifier.country, "client_id": verifier.client_id},
        "query": None if use is None else use.id,
        "purpose": None if use is None else {"en": use.purpose.en, "fr": use.purpose.fr},
        "mechanism": plan.mechanism.value if is_told else None,
        "is_fallback": plan.is_fallback,
        "verdict": verdict,
        "redirect": redirect,
        "prove_ms": round(milliseconds, 1),
        "bytes": size,
        "learned": learned,
        "copies_left": min(disclosure.copies_left for disclosure in plan.disclosures),
    }


def entry_as_json(entry: HistoryEntry) -> dict[str, Json]:
    """One line of the history."""
    return {
        "at": _moment(entry.at),
        "event": entry.event.value,
        "outcome": entry.outcome.value,
        "who": entry.who.reveal(),
        "purpose": entry.purpose.reveal(),
        "documents": list(entry.documents.reveal()),
        "mechanism": entry.mechanism,
        "learned": list(entry.learned.reveal()),
    }


def _asked(verified: VerifiedRequest) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    country = f" ({clean(verified.verifier.country)})" if verified.verifier.country else ""
    table.add_row("Who asks", Text(f"{clean(verified.verifier.name)}{country}", style="bold"))
    if verified.use is not None:
        is_french = config.language() == "fr"
        table.add_row("What", Text(verified.use.name.fr if is_french else verified.use.name.en))
        table.add_row("What for", Text(verified.use.purpose.fr if is_french else verified.use.purpose.en))
    return table


def _learned(disclosure: Disclosure) -> Text:
    found = Text()
    for element in disclosure.learned:
        name = called(element.names) or clean(element.identifier)
        found.append(f"{name}: ", style="bold green")
        found.append(_value(to_json(element.value.reveal()), element.identifier))
        if element.is_kept:
            found.append(" (they say that they keep it)", style="yellow")
        found.append("\n")
    if not disclosure.learned:
        found.append("that you hold this document\n")
    found.append(f"from your {called(disclosure.document.names)}", style="dim")
    return found


def _withheld(disclosure: Disclosure) -> Text:
    names = [called(found) for found in disclosure.withheld]
    if len(names) > MOST_WITHHELD:
        names = [*names[:MOST_WITHHELD], f"{len(names) - MOST_WITHHELD} more"]
    rest = "anything else the document says" if disclosure.mechanism is Mechanism.MDOC else "anything else about you"
    return Text(", ".join([*names, rest]))


def show_lost(holdings: Sequence[Holding]) -> None:
    """What no longer counts because its issuer lost a key, and what the person can do."""
    for holding in holdings:
        if holding.lost_at is None:
            continue
        line = Text(f"{called(holding.document.names)} no longer counts. ", style="bold red")
        line.append(
            f"{clean(holding.document.issuer)} lost the key that signed it on {_day(holding.lost_at)}: somebody else"
            " may be able to sign such documents too, so nobody believes them. The key only signs: with it, nobody"
            " reads anything of yours. ",
            style="default",
        )
        line.append(
            "This wallet renews it by itself."
            if holding.is_due
            else "Go to the counter and ask for a new one: the issuer cannot see whose documents these are, so it"
            " cannot call you.",
            style="default",
        )
        _console().print(line)


def show_statuses(holdings: Sequence[Holding], statuses: Mapping[str, DocumentStatus]) -> None:
    """What its issuer suspended or revoked, and what the person can do."""
    wallet_status_words.show(
        holdings, statuses, {holding.document.id: called(holding.document.names) for holding in holdings}
    )


def _standing(holding: Holding, status: DocumentStatus | None) -> Text:
    if holding.lost_at is not None:
        return Text("to be renewed" if holding.is_due else "no longer counts", style="bold red")
    said = None if status is None else wallet_status_words.short(status)
    if said is not None:
        return said
    if not holding.is_valid:
        return Text("not valid now", style="bold red")
    if holding.is_due:
        return Text("to be renewed", style="yellow")
    return Text("renews itself" if holding.is_renewable else "", style="dim")


def _value(value: Json, identifier: str) -> str:
    if isinstance(value, bool):
        yes, no = ("oui", "non") if config.language() == "fr" else ("yes", "no")
        return yes if value else no
    if isinstance(value, str):
        return (
            f"({len(value) * 3 // 4 / 1000:.1f} kB)"
            if identifier in ("portrait", "signature_usual_mark")
            else clean(value)
        )
    return clean(json.dumps(value, ensure_ascii=False))


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False)


def _to_person() -> Console:
    return Console(file=sys.stderr, highlight=False)
