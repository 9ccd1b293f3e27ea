"""A wallet in one sealed file (docs/spec/wallet-backup.md): what is in it, how it is sealed, and how it is read.

Reading is total: what opens is a whole wallet, or `FormatError`. When one is made is left to `leaving`, what it may
still do in its new place to `returning`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.passphrase import LEAST_HARDNESS, SALT_BYTES, Hardness, check_hardness, derive_key
from diptych.crypto.sealing import OVERHEAD_BYTES, check_sealed, open_sealed, seal
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats.cbor import (
    CborValue,
    TDate,
    as_array,
    as_bytes,
    as_struct,
    as_tdate,
    as_text,
    as_unsigned,
    decode,
    encode,
)
from diptych.private import Secret
from diptych.roles.wallet import records
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Life
from diptych.roles.wallet.ports import Key, Kind

CHECK = "backup"
VERSION = "diptych wallet backup 1"
LENGTH_BYTES = 4
# 64 KiB to 64 MiB: the size says little about how much a person holds.
SIZE_CLASSES = tuple(64 * 1024 * 4**step for step in range(6))
MAX_BYTES = SIZE_CLASSES[-1] + OVERHEAD_BYTES + 128


@dataclass(frozen=True)
class Backup:
    """A wallet at one moment. `is_move`: the wallet that it was made of stopped before it was made."""

    made_at: datetime
    is_move: bool
    entries: Mapping[Key, bytes] = field(repr=False)


@dataclass(frozen=True)
class SealedBackup:
    """A backup that nobody has opened yet: nothing in it is believed."""

    hardness: Hardness
    salt: bytes
    sealed: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The bytes of the file."""
        hardness = self.hardness
        return encode([VERSION, hardness.memory_kib, hardness.iterations, hardness.lanes, self.salt, self.sealed])


def parse_backup(data: bytes) -> SealedBackup:
    """The parts of a file, or `FormatError`. Opens nothing, works nothing."""
    if len(data) > MAX_BYTES:
        raise FormatError(CHECK, "this file is larger than any backup of a wallet")
    try:
        version, memory_kib, iterations, lanes, salt, sealed = as_array(decode(data), CHECK, length=6)
    except FormatError as error:
        raise FormatError(CHECK, "this file is not a backup of a wallet") from error
    if version != VERSION:
        raise FormatError(CHECK, "this file is not a backup of a wallet, or a newer release has made it")
    found = SealedBackup(
        Hardness(as_unsigned(memory_kib, CHECK), as_unsigned(iterations, CHECK), as_unsigned(lanes, CHECK)),
        as_bytes(salt, CHECK),
        as_bytes(sealed, CHECK),
    )
    check_sealed(found.sealed)
    if len(found.salt) != SALT_BYTES or len(found.sealed) - OVERHEAD_BYTES not in SIZE_CLASSES:
        raise FormatError(CHECK, "a part of this backup has another size than it must have")
    return found


def seal_backup(backup: Backup, passphrase: Secret, *, hardness: Hardness, entropy: Entropy) -> bytes:
    """The bytes of the file. Works as hard as `hardness` says."""
    salt = entropy(SALT_BYTES)
    wrapping_key = derive_key(passphrase, salt=salt, hardness=hardness)
    plaintext = _pad(_encode(backup))
    sealed = seal(wrapping_key, plaintext, context=_context(hardness, salt), entropy=entropy)
    return SealedBackup(hardness, salt, sealed).encode()


def open_backup(found: SealedBackup, passphrase: Secret, *, least: Hardness = LEAST_HARDNESS) -> Backup:
    """What is in it. `Refused` "backup.passphrase"; `FormatError` if it is too cheap to guess or no whole wallet."""
    hardness = check_hardness(found.hardness, least=least)
    wrapping_key = derive_key(passphrase, salt=found.salt, hardness=hardness)
    try:
        plaintext = open_sealed(wrapping_key, found.sealed, context=_context(hardness, found.salt))
    except VerificationError as error:
        if error.check == "sealing.key":
            raise Refused("backup.passphrase", "this passphrase does not open the backup") from error
        raise VerificationError("backup.damaged", "this backup was damaged after it was made") from error
    return parse_plaintext(plaintext)


def parse_plaintext(plaintext: bytes) -> Backup:
    """What was sealed, read to its last record."""
    members = as_struct(decode(_unpad(plaintext)), CHECK, required=("made", "move", "entries"))
    is_move = members["move"]
    if not isinstance(is_move, bool):
        raise FormatError(CHECK, "expected true or false")
    entries: dict[Key, bytes] = {}
    for item in as_array(members["entries"], CHECK):
        kind, name, record = as_array(item, CHECK, length=3)
        entries[Key(_kind(kind), as_text(name, CHECK))] = as_bytes(record, CHECK)
    backup = Backup(as_tdate(members["made"], CHECK), is_move, entries)
    if _pad(_encode(backup)) != plaintext:
        raise FormatError(CHECK, "the entries of a backup are each there once, in order, and padded with zeros")
    _check_whole(backup)
    return backup


def _encode(backup: Backup) -> bytes:
    entries: list[CborValue] = [
        [key.kind.value, key.name, record]
        for key, record in sorted(backup.entries.items(), key=lambda item: (item[0].kind.value, item[0].name))
    ]
    return encode({"made": TDate.of(backup.made_at), "move": backup.is_move, "entries": entries})


def _kind(value: CborValue) -> Kind:
    try:
        return Kind(as_text(value, CHECK))
    except ValueError as error:
        raise FormatError(CHECK, "a kind of entry that this release does not know") from error


def _check_whole(backup: Backup) -> None:
    """A wallet that can be lived in.

    1. Every entry reads as what its kind says, and has the name that it has inside.
    2. What one entry says of another is there: a copy's document, a document's and a batch's grant.
    3. It knows whom to believe, and it lives.
    """
    # 1.
    for key, record in backup.entries.items():
        if _NAMES[key.kind](record) != key.name:
            raise FormatError(CHECK, "an entry of the backup has the name of another")
    # 2.
    contents = Contents(backup.entries)
    grants = {grant.id for grant in contents.grants()}
    documents = contents.documents()
    copies = [records.parse_copy(record) for key, record in backup.entries.items() if key.kind is Kind.COPY]
    batches = contents.batches()
    if not {*(found.grant_id for found in documents), *(found.grant_id for found in batches)} <= grants:
        raise FormatError(CHECK, "the backup lacks what one of its documents was fetched under")
    if not {copy.document_id for copy in copies} <= {document.id for document in documents}:
        raise FormatError(CHECK, "the backup lacks the document of one of its copies")
    # 3.
    contents.trust()
    if contents.standing().life is not Life.LIVE:
        raise FormatError(CHECK, "the backup is of a wallet that had stopped")


def _batch_name(record: bytes) -> str:
    batch = records.parse_batch(record)
    return f"{batch.grant_id} {batch.configuration_id}"


def _trust_name(record: bytes) -> str:
    records.parse_trust(record)
    return Kind.TRUST.value


def _standing_name(record: bytes) -> str:
    records.parse_standing(record)
    return Kind.STANDING.value


_NAMES: Mapping[Kind, Callable[[bytes], str]] = {
    Kind.TRUST: _trust_name,
    Kind.GRANT: lambda record: records.parse_grant(record).id,
    Kind.BATCH: _batch_name,
    Kind.DOCUMENT: lambda record: records.parse_document(record).id,
    Kind.COPY: lambda record: records.parse_copy(record).id,
    Kind.RECORD: lambda record: records.parse_own_record(record).record_id.hex(),
    Kind.HISTORY: lambda record: records.parse_history_entry(record).id,
    Kind.STANDING: _standing_name,
}


def _context(hardness: Hardness, salt: bytes) -> bytes:
    return encode([VERSION, hardness.memory_kib, hardness.iterations, hardness.lanes, salt])


def _pad(content: bytes) -> bytes:
    needed = LENGTH_BYTES + len(content)
    size = next((size for size in SIZE_CLASSES if size >= needed), None)
    if size is None:
        raise Refused(
            "backup.size", f"this wallet is larger than the {SIZE_CLASSES[-1]} bytes that a backup has at most"
        )
    return len(content).to_bytes(LENGTH_BYTES, "big") + content + bytes(size - needed)


def _unpad(plaintext: bytes) -> bytes:
    length = int.from_bytes(plaintext[:LENGTH_BYTES], "big")
    if LENGTH_BYTES + length > len(plaintext):
        raise FormatError(CHECK, "a backup says that it is longer than it is")
    return plaintext[LENGTH_BYTES : LENGTH_BYTES + length]
