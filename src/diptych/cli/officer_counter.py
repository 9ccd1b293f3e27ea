"""`diptych officer join | find | enrol | open | correct`: the counter of the sealed registry.

What is opened is shown on this screen and written nowhere, unless a file is named.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.officer_standing import OfficerFolder
from diptych.cli.rooms import Rooms
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit, progress
from diptych.errors import FormatError

if TYPE_CHECKING:
    from diptych.formats.civil_status.model import CivilStatus
    from diptych.formats.order.documents import OrderedDocument
    from diptych.formats.record.content import RecordContent
    from diptych.roles.officer.counter import Enrolled, Found

MAX_BYTES = 4 * 1024 * 1024
PRIVATE = 0o600

PersonFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE", help="Who it is; `officer template person` prints such a file. Asked for if absent."
    ),
]
Basis = Annotated[str, typer.Option("--basis", help="The legal basis, as the trustees' policies name it.")]
RecordId = Annotated[str, typer.Argument(metavar="RECORD", help="The record's id, 32 hexadecimal digits.")]


def join(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The officer's folder.")],
    *,
    registry: Annotated[str, typer.Option(help="The registry's URL.", show_default=False)],
    agency: Annotated[Path, typer.Option(help="The agency's certifying key (agency.pem).", show_default=False)],
    log_policy: Annotated[Path, typer.Option(help="The log to believe (c2sp.org/tlog-policy).", show_default=False)],
    log: Annotated[str | None, typer.Option(help="The log's URL, where its policy does not say it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let an officer's folder know its registry. The agency certifies the officer: diptych registry certify."""
    rooms: Rooms = context.obj
    rooms.join_registry(folder, registry=registry, agency=agency, log_policy=log_policy, log=log)
    emit(
        {"folder": str(folder), "registry": registry},
        as_json=as_json,
        prose=lambda: typer.echo(
            f"This officer enrols at {registry} from now on, once the agency has certified the key."
        ),
    )


def find(
    context: typer.Context,
    person: PersonFile = None,
    *,
    folder: OfficerFolder = Path("officer"),
    basis: Basis = "enrolment",
    as_json: AsJson = False,
) -> None:
    """Find a person's record. Every hit is public under a label that its citizen finds. Exit 1 if there is none."""
    rooms: Rooms = context.obj
    status = _person(person)
    with rooms.workstation(folder) as workstation:
        progress("Asking the trustees, who learn nothing, and the registry, which sees tags ...")
        found = workstation.find(status, legal_basis=basis, now=datetime.now(UTC), entropy=os.urandom)
    emit(_found(found), as_json=as_json, prose=lambda: _show_found(found))
    if not found.matches:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


def enrol(
    context: typer.Context,
    person: PersonFile = None,
    *,
    order: Annotated[
        Path | None, typer.Option(help="An order file: its documents go into the record, and the order is approved.")
    ] = None,
    copy: Annotated[Path | None, typer.Option(help="Where the citizen's sealed copy of the record goes.")] = None,
    other: Annotated[
        list[str] | None, typer.Option(help="A record that was found and is another person's; repeatable.")
    ] = None,
    document_type: Annotated[
        str | None, typer.Option("--type", help="The document type it is for, where there is no order.")
    ] = None,
    folder: OfficerFolder = Path("officer"),
    basis: Basis = "enrolment",
    as_json: AsJson = False,
) -> None:
    """Enrol a person: look first, then seal, deposit, store, log. Exit 1 if the person may be there already."""
    rooms: Rooms = context.obj
    status = _person(person)
    order_file, pictures = (None, {}) if order is None else _order(rooms, folder, order)
    kind = document_type or (None if order_file is None else _type_of(order_file))
    if kind is None:
        raise FormatError("enrol.type", "for which type of document? give --order FILE, or --type")
    judged = tuple(sorted(as_record_id(one) for one in other or ()))
    with rooms.workstation(folder) as workstation:
        progress("Looking whether this person is there already ...")
        found = workstation.find(status, legal_basis=basis, now=datetime.now(UTC), entropy=os.urandom)
        if set(found.matches) - set(judged):
            emit({"enrolled": None, **_found(found)}, as_json=as_json, prose=lambda: _show_duplicate(found))
            raise typer.Exit(EXIT_DOES_NOT_HOLD)
        documents: tuple[OrderedDocument, ...] = ()
        if order_file is not None:
            documents = rooms.officer(folder, None).documents(order_file, pictures, now=datetime.now(UTC))
        progress("Sealing the record under two keys and a quorum, and leaving a mask with every trustee ...")
        enrolled = workstation.enrol(
            found,
            status=status,
            documents=documents,
            references=(),
            document_type=kind,
            now=datetime.now(UTC),
            entropy=os.urandom,
        )
        registry = workstation.registry.url
    code = _write_copy(enrolled, registry, copy)
    approval: Mapping[str, object] = {}
    if order_file is not None:
        from diptych.cli.officer import approval_as_json

        progress("Sealing and signing the order ...")
        approved = rooms.officer(folder, None).approve(order_file, pictures, now=datetime.now(UTC), entropy=os.urandom)
        approval = approval_as_json(approved)
    shown: dict[str, object] = {
        "enrolled": enrolled.record_id.hex(),
        "number": enrolled.number,
        "copy": None if copy is None else str(copy),
        "copy_code": code,
        **approval,
    }
    emit(shown, as_json=as_json, prose=lambda: _show_enrolled(shown))


def open_record(
    context: typer.Context,
    record: RecordId,
    *,
    purpose: Annotated[str, typer.Option(help="Why it is opened, in a sentence.", show_default=False)],
    case: Annotated[str, typer.Option(help="The case reference.", show_default=False)],
    basis: Basis = "reissue",
    court_order: Annotated[
        Path | None, typer.Option(help="The court's signed order, where the basis is judicial.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Write what is in it to this file, for its owner alone.")] = None,
    folder: OfficerFolder = Path("officer"),
    as_json: AsJson = False,
) -> None:
    """Open a record: public first, then with the agency and a quorum of trustees. Its citizen sees that it was."""
    from diptych.roles.officer.counter import Reason

    rooms: Rooms = context.obj
    reason = Reason(basis, purpose, case, None if court_order is None else _read(court_order))
    with rooms.workstation(folder) as workstation:
        progress("Having the request logged, then asking the agency and the trustees ...")
        read = workstation.open(as_record_id(record), reason, now=datetime.now(UTC), entropy=os.urandom)
    shown = {"record": record, "number": read.number, **_content(read.content), "named": as_named(read.named)}
    if to is not None:
        write_private(to, shown)
    emit(shown, as_json=as_json, prose=lambda: _show_content(read.content, read.named))


def correct(
    context: typer.Context,
    record: RecordId,
    person: PersonFile = None,
    *,
    reason: Annotated[str, typer.Option(help="What was wrong, in a sentence.", show_default=False)],
    case: Annotated[str, typer.Option(help="The case reference.", show_default=False)],
    document_type: Annotated[str, typer.Option("--type", help="The document type it is for.")] = "identity-card",
    folder: OfficerFolder = Path("officer"),
    basis: Basis = "correction",
    as_json: AsJson = False,
) -> None:
    """Correct a record's civil status: opened with cause, sealed anew as its next version."""
    from dataclasses import replace

    from diptych.roles.officer.counter import Reason

    rooms: Rooms = context.obj
    status = _person(person)
    with rooms.workstation(folder) as workstation:
        progress("Opening what is there, in public ...")
        opened = workstation.open(
            as_record_id(record), Reason(basis, reason, case), now=datetime.now(UTC), entropy=os.urandom
        )
        found = workstation.find(status, legal_basis=basis, now=datetime.now(UTC), entropy=os.urandom)
        progress("Sealing the corrected record ...")
        corrected = workstation.correct(
            opened,
            found,
            replace(opened.content, civil_status=status),
            reason=reason,
            document_type=document_type,
            now=datetime.now(UTC),
            entropy=os.urandom,
        )
    emit(
        {"record": record, "number": corrected.number},
        as_json=as_json,
        prose=lambda: typer.echo(f"Corrected: version {corrected.number} of {record}"),
    )


def _person(path: Path | None) -> "CivilStatus":
    from diptych.roles.officer.person_file import parse_person_file

    if path is not None:
        return parse_person_file(_read(path))
    if not sys.stdin.isatty():
        raise FormatError("person.file", "who is it? name a file: `diptych officer template person` prints one")
    return _asked()


def _asked() -> "CivilStatus":
    """At the terminal, a question a field, in the same words as the file."""
    from diptych.formats.civil_status.model import CivilStatus, parse_birth_date
    from diptych.formats.civil_status.places import check_code
    from diptych.private import Personal

    family = typer.prompt("Family name at birth", err=True)
    given = typer.prompt("Given names, as on the act of birth", err=True).replace(",", " ").split()
    usage = typer.prompt("Name in use, if another", default="", show_default=False, err=True)
    born = parse_birth_date(typer.prompt("Born on (YYYY-MM-DD, 00 for what is unknown)", err=True))
    place = typer.prompt("Born in (INSEE code, or 99 and the country's)", err=True)
    check_code(place)
    return CivilStatus(
        Personal(family),
        Personal(tuple(given)),
        Personal(usage) if usage else None,
        Personal(born),
        Personal(place),
    )


def _order(rooms: Rooms, folder: Path, path: Path) -> tuple[bytes, dict[str, bytes]]:
    from diptych.roles.officer.order_file import files_named, parse_order_file

    data = _read(path)
    written = parse_order_file(data)
    names = files_named(written, rooms.catalogue(folder).type(written.type_id))
    return data, {name: _read(path.parent / name) for name in names if (path.parent / name).exists()}


def _type_of(order_file: bytes) -> str:
    from diptych.roles.officer.order_file import parse_order_file

    return parse_order_file(order_file).type_id


def _write_copy(enrolled: "Enrolled", registry: str, path: Path | None) -> str | None:
    """The citizen's copy, and the code that opens it: shown once, and kept nowhere."""
    from diptych.adapters.keys import file
    from diptych.formats.record.copy import new_copy_code, seal_copy

    if path is None:
        return None
    code = new_copy_code(os.urandom)
    sealed = seal_copy(enrolled.content, record_id=enrolled.record_id, registry=registry, code=code, entropy=os.urandom)
    file.replace_file(path, sealed.encode(), mode=PRIVATE)
    return code.reveal().decode("ascii")


def write_private(path: Path, shown: Mapping[str, object]) -> None:
    """Write what is shown as JSON, for its owner alone."""
    import json

    from diptych.adapters.keys import file

    file.replace_file(path, json.dumps(shown, ensure_ascii=False, indent=2).encode(), mode=PRIVATE)


def as_record_id(text: str) -> bytes:
    """The id that was typed, or `FormatError`."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 16:
        raise FormatError("record.id", "a record's id is 32 hexadecimal digits")
    return found


def _found(found: "Found") -> dict[str, object]:
    return {"matches": [match.hex() for match in found.matches], "named": as_named(found.named)}


def as_named(named: Mapping[int, str]) -> dict[str, str]:
    """Who did not answer rightly, as it is shown, and the check that says so."""
    return {"agency" if index == 0 else f"trustee {index}": check for index, check in named.items()}


def _content(content: "RecordContent") -> dict[str, object]:
    status = content.civil_status
    return {
        "civil_status": status.to_cbor(),
        "documents": [document.type_id for document in content.documents],
        "references": [{"kind": one.kind, "value": one.value.reveal()} for one in content.references],
    }


def _show_found(found: "Found") -> None:
    typer.echo("Nobody." if not found.matches else "May be this person; only an opening shows whose record it is:")
    _echo_matches(found.matches, found.named)


def _show_duplicate(found: "Found") -> None:
    typer.echo("Not enrolled: this person may be in the register already.")
    _echo_matches(found.matches, found.named)
    typer.echo("Open a record to see. If it is somebody else's, enrol again with --other RECORD.")


def _echo_matches(matches: Sequence[bytes], named: Mapping[int, str]) -> None:
    for match in matches:
        typer.echo(f"  {match.hex()}")
    for who, check in as_named(named).items():
        typer.echo(f"  {who} did not answer rightly: {check}")


def _show_enrolled(shown: Mapping[str, object]) -> None:
    typer.echo(f"Enrolled: {shown['enrolled']}")
    if shown["copy"] is not None:
        typer.echo(f"The citizen's copy: {shown['copy']}; its code, for the citizen alone: {shown['copy_code']}")
    if "offer" in shown:
        typer.echo(f"The offer, for the citizen's wallet: {shown['offer']}")
        typer.echo(f"Transaction code, apart from it: {shown['tx_code']}")


def _show_content(content: "RecordContent", named: Mapping[int, str]) -> None:
    status = content.civil_status
    typer.echo(f"Family name    {status.family_name.reveal()}")
    typer.echo(f"Given names    {' '.join(status.given_names.reveal())}")
    if status.usage_name is not None:
        typer.echo(f"Name in use    {status.usage_name.reveal()}")
    typer.echo(f"Born           {status.birth_date.reveal().encode()} in {status.birth_place.reveal()}")
    for document in content.documents:
        typer.echo(f"Document       {document.type_id}")
    for who, check in as_named(named).items():
        typer.echo(f"{who} did not answer rightly: {check}")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise FormatError("file.read", f"{path.name} cannot be read: {error.strerror}") from error
