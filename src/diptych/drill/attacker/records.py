"""A thief before sealed records, with the folders of as many trustees as it has, and the agency's or not.

Every key that lies in those folders is tried on every envelope, every mask that a key of theirs opens is tried on its
share, and with whatever shares come of it the records are tried (docs/spec, "Sealed record").
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from diptych.adapters.canary_search import files_below
from diptych.crypto import sealing
from diptych.crypto.hpke import PRIVATE_KEY_BYTES, HybridRecipient, load_recipient
from diptych.drill.attacker.keys import LARGEST_KEY_FILE, keys_at_rest
from diptych.drill.cores import Cores, parts
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
class Keys:
    """What was found in the folders: keys, recipients by the id of theirs, and databases that may hold masks."""

    keys: Sequence[Secret] = field(repr=False)
    recipients: Mapping[bytes, HybridRecipient] = field(repr=False)
    databases: Sequence[Path]


def open_records(registry: Path, folders: Sequence[Path], cores: Cores) -> list[bytes]:
    """The plaintext of every record that opens with what lies in these folders, backups of databases included."""
    with sqlite3.connect(f"file:{registry}?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
    connection.close()
    jobs = [(registry, tuple(folders), some) for some in parts(count)]
    return [opened for some in cores.each(open_some, jobs) for opened in some]


def open_some(job: tuple[Path, tuple[Path, ...], range]) -> list[bytes]:
    """These rows of the registry's, tried with everything in the folders."""
    registry, folders, some = job
    found = _keys(folders)
    records = [signed.unverified for signed in records_of(registry, some)]
    masks: dict[bytes, list[Secret]] = defaultdict(list)
    for database in found.databases:
        for record_id, mask in _masks(database, found.keys, [record.record_id for record in records]):
            masks[record_id].append(mask)
    return [opened for record in records for opened in _opened(record, found.recipients, masks)]


def records_of(registry: Path, some: range | None = None) -> Iterator[UnverifiedStatement[SealedRecord]]:
    """Every record of a registry's database, or some by their place in it, as they were signed."""
    limit = [-1, 0] if some is None else [len(some), some.start]
    with sqlite3.connect(f"file:{registry}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT encoded FROM records ORDER BY rowid LIMIT ? OFFSET ?", limit).fetchall()
    connection.close()
    for (encoded,) in rows:
        yield SEALED_RECORD.parse(encoded)


def _keys(folders: tuple[Path, ...]) -> Keys:
    return _keys_as_of(folders, tuple(path.stat().st_mtime_ns for path in files_below(folders)))


@lru_cache(maxsize=2)
def _keys_as_of(folders: tuple[Path, ...], changed: tuple[int, ...]) -> Keys:
    """Read once by a process for all its parts, unless a file has changed."""
    databases = [
        path
        for path in files_below(folders)
        if path.suffix == ".db" and _begins_with(path, SQLITE) and _has_masks(path)
    ]
    return Keys([Secret(key) for key in keys_at_rest(folders)], dict(_recipients(folders)), databases)


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


def _begins_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic


def _has_masks(database: Path) -> bool:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(records)")}
    connection.close()
    return {"period", "sealed", "share_hash"} <= columns


def _masks(database: Path, keys: Iterable[Secret], record_ids: Sequence[bytes]) -> Iterator[tuple[bytes, Secret]]:
    wanted = ", ".join("?" for _ in record_ids)
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute(
            f"SELECT record_id, number, record_hash, period, sealed FROM records WHERE record_id IN ({wanted})",
            record_ids,
        ).fetchall()
    connection.close()
    for record_id, number, record_hash, period, sealed in rows:
        context = cbor.encode([MASK_CONTEXT, period, record_id, number, record_hash])
        for key in keys:
            try:
                secrets = cbor.decode(sealing.open_sealed(key, sealed, context=context))
            except DiptychError:
                continue
            if isinstance(secrets, list) and isinstance(secrets[0], bytes):
                yield record_id, Secret(secrets[0])


def _opened(
    record: SealedRecord, recipients: Mapping[bytes, HybridRecipient], masks: Mapping[bytes, Sequence[Secret]]
) -> Iterator[bytes]:
    shares = dict(_shares(record, recipients, masks.get(record.record_id, ())))
    agency = next(iter(_agency(record, recipients)), None)
    # Without the agency's half the thief can only guess it.
    half = agency or Secret(bytes(32))
    try:
        yield open_record(record, shares=shares, agency_half=half).encode_padded()
    except DiptychError:
        return


def _shares(
    record: SealedRecord, recipients: Mapping[bytes, HybridRecipient], masks: Sequence[Secret]
) -> Iterator[tuple[int, Secret]]:
    for slot in record.quorum.shares:
        recipient = recipients.get(slot.trustee)
        for mask in masks if recipient is not None else ():
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


def _agency(record: SealedRecord, recipients: Mapping[bytes, HybridRecipient]) -> Iterator[Secret]:
    recipient = recipients.get(record.agency.key)
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
