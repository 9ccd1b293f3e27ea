"""A thief before sealed records, with the folders of as many trustees as it has, and the agency's or not.

Every key that lies in those folders is tried on every envelope, every mask that a key of theirs opens is tried on its
share, and with whatever shares come of it the records are tried (docs/spec, "Sealed record").
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych.adapters.canary_search import files_below
from diptych.crypto import sealing
from diptych.crypto.hpke import PRIVATE_KEY_BYTES, HybridRecipient, load_recipient
from diptych.drill.attacker.keys import LARGEST_KEY_FILE, keys_at_rest
from diptych.errors import DiptychError
from diptych.formats import base64url, cbor
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import key_id
from diptych.formats.record.sealed import SEALED_RECORD, SealedRecord
from diptych.formats.record.sealing import open_agency_half, open_record, unmask_share
from diptych.private import Secret

MASK_CONTEXT = "diptych trustee secrets 1"
SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True)
class Loot:
    """What was found in the folders: recipients by the id of their key, and masks by record."""

    recipients: Mapping[bytes, HybridRecipient] = field(repr=False)
    masks: Mapping[bytes, Sequence[Secret]] = field(repr=False)


def open_records(registry: Path, folders: Iterable[Path]) -> list[bytes]:
    """The plaintext of every record that opens with what lies in these folders, backups of databases included."""
    places = list(folders)
    loot = _take(places)
    return [opened for signed in records_of(registry) for opened in _opened(signed.unverified, loot)]


def records_of(registry: Path) -> Iterator[UnverifiedStatement[SealedRecord]]:
    """Every record of a registry's database, as it was signed."""
    with sqlite3.connect(f"file:{registry}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT encoded FROM records").fetchall()
    connection.close()
    for (encoded,) in rows:
        yield SEALED_RECORD.parse(encoded)


def _take(folders: Sequence[Path]) -> Loot:
    keys = keys_at_rest(folders)
    recipients = dict(_recipients(folders))
    masks: dict[bytes, list[Secret]] = defaultdict(list)
    for path in files_below(folders):
        if path.suffix == ".db" and path.read_bytes()[: len(SQLITE)] == SQLITE:
            for record_id, mask in _masks(path, keys):
                masks[record_id].append(mask)
    return Loot(recipients, masks)


def _recipients(folders: Sequence[Path]) -> Iterator[tuple[bytes, HybridRecipient]]:
    for path in files_below(folders):
        if path.stat().st_size > LARGEST_KEY_FILE:
            continue
        for line in path.read_bytes().split():
            try:
                seeds = base64url.decode(line.decode("ascii", "replace"))
                if len(seeds) == PRIVATE_KEY_BYTES:
                    recipient = load_recipient(Secret(seeds))
                    yield key_id(recipient.public_key), recipient
            except DiptychError:
                continue


def _masks(database: Path, keys: Iterable[bytes]) -> Iterator[tuple[bytes, Secret]]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(records)")}
        rows = (
            connection.execute("SELECT record_id, number, record_hash, period, sealed FROM records").fetchall()
            if {"period", "sealed", "share_hash"} <= columns
            else []
        )
    connection.close()
    candidates = [Secret(key) for key in keys]
    for record_id, number, record_hash, period, sealed in rows:
        context = cbor.encode([MASK_CONTEXT, period, record_id, number, record_hash])
        for key in candidates:
            try:
                secrets = cbor.decode(sealing.open_sealed(key, sealed, context=context))
            except DiptychError:
                continue
            if isinstance(secrets, list) and isinstance(secrets[0], bytes):
                yield record_id, Secret(secrets[0])


def _opened(record: SealedRecord, loot: Loot) -> Iterator[bytes]:
    shares = dict(_shares(record, loot))
    agency = next(iter(_agency(record, loot)), None)
    # Without the agency's half the thief can only guess it.
    half = agency or Secret(bytes(32))
    try:
        yield open_record(record, shares=shares, agency_half=half).encode_padded()
    except DiptychError:
        return


def _shares(record: SealedRecord, loot: Loot) -> Iterator[tuple[int, Secret]]:
    for slot in record.quorum.shares:
        recipient = loot.recipients.get(slot.trustee)
        for mask in loot.masks.get(record.record_id, ()) if recipient is not None else ():
            assert recipient is not None
            try:
                yield (
                    slot.index,
                    unmask_share(
                        slot.envelope,
                        mask=mask,
                        recipient=recipient,
                        record_id=record.record_id,
                        number=record.number,
                        epoch=record.quorum.epoch,
                        index=slot.index,
                        share_hash=slot.share_hash,
                    ),
                )
            except DiptychError:
                continue


def _agency(record: SealedRecord, loot: Loot) -> Iterator[Secret]:
    recipient = loot.recipients.get(record.agency.key)
    if recipient is not None:
        try:
            yield open_agency_half(
                record.agency.envelope,
                recipient=recipient,
                record_id=record.record_id,
                number=record.number,
                epoch=record.quorum.epoch,
            )
        except DiptychError:
            return
