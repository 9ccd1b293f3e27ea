"""The wallet's store in one SQLite file: sealed entries under blind ids, behind a passphrase.

A thief of the file sees how many entries there are and their sizes, rounded up; neither what they are nor what they
say. What entries mean is left to `roles/wallet`.
"""

import fcntl
import hmac
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from diptych.adapters.storage.engine import open_database, transaction
from diptych.crypto.entropy import Entropy
from diptych.crypto.passphrase import SALT_BYTES, Hardness, derive_key
from diptych.crypto.sealing import KEY_BYTES, derive, open_sealed, seal
from diptych.errors import Conflict, FormatError, Refused, VerificationError
from diptych.formats.cbor import as_array, as_bytes, as_text, decode, encode
from diptych.private import Secret
from diptych.roles.wallet.ports import Change, Key, Kind

ROLE = "wallet"
ID_BYTES = 16
# Sizes of entries, rounded up: a licence with a portrait and a proof of age must not be told apart to the byte.
SIZE_CLASSES = tuple(512 * 4**step for step in range(7))
LENGTH_BYTES = 4

_METADATA = sa.MetaData()
_LOCK = sa.Table(
    "lock",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("memory_kib", sa.Integer),
    sa.Column("iterations", sa.Integer),
    sa.Column("lanes", sa.Integer),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("sealed_key", sa.LargeBinary),
)
_ENTRY = sa.Table(
    "entry", _METADATA, sa.Column("id", sa.LargeBinary, primary_key=True), sa.Column("sealed", sa.LargeBinary)
)


def create_wallet_store(path: Path, passphrase: Secret, *, hardness: Hardness, entropy: Entropy) -> "SqliteWalletStore":
    """A new, empty store; `Conflict` if the file holds a wallet already."""
    engine = open_database(path, ROLE)
    key, salt = Secret(entropy(KEY_BYTES)), entropy(SALT_BYTES)
    wrapping_key = derive_key(passphrase, salt=salt, hardness=hardness)
    sealed_key = seal(wrapping_key, key.reveal(), context=_lock_context(salt, hardness), entropy=entropy)
    with transaction(engine) as connection:
        if connection.execute(sa.select(_LOCK.c.id)).first() is not None:
            raise Conflict("wallet.exists", "there is a wallet in this folder already")
        connection.execute(
            sa.insert(_LOCK).values(
                id=1,
                memory_kib=hardness.memory_kib,
                iterations=hardness.iterations,
                lanes=hardness.lanes,
                salt=salt,
                sealed_key=sealed_key,
            )
        )
    return SqliteWalletStore(path, engine, key, entropy)


def open_wallet_store(path: Path, passphrase: Secret, *, entropy: Entropy) -> "SqliteWalletStore":
    """The store in an existing file. `Refused` "wallet.passphrase" for a wrong passphrase; nothing is written."""
    if not path.exists():
        raise FormatError("wallet.missing", "there is no wallet in this folder: run `diptych wallet init` first")
    engine = open_database(path, ROLE)
    with transaction(engine) as connection:
        lock = connection.execute(sa.select(_LOCK)).first()
    if lock is None:
        raise FormatError("wallet.missing", "there is no wallet in this folder: run `diptych wallet init` first")
    hardness = Hardness(lock.memory_kib, lock.iterations, lock.lanes)
    wrapping_key = derive_key(passphrase, salt=lock.salt, hardness=hardness)
    try:
        key = Secret(open_sealed(wrapping_key, lock.sealed_key, context=_lock_context(lock.salt, hardness)))
    except VerificationError as error:
        raise Refused("wallet.passphrase", "this passphrase does not open the wallet") from error
    return SqliteWalletStore(path, engine, key, entropy)


class SqliteWalletStore:
    """A `WalletStore` over an opened database. Made by `create_wallet_store` and `open_wallet_store`."""

    def __init__(self, path: Path, engine: Engine, key: Secret, entropy: Entropy) -> None:
        self._path = path
        self._engine = engine
        self._sealing_key = derive(key, salt=b"", info=b"diptych wallet 1 sealing")
        self._id_key = derive(key, salt=b"", info=b"diptych wallet 1 ids")
        self._entropy = entropy

    def read(self) -> Mapping[Key, bytes]:
        with transaction(self._engine) as connection:
            rows = connection.execute(sa.select(_ENTRY)).all()
        return dict(self._open(row.id, row.sealed) for row in rows)

    @contextmanager
    def acting(self) -> Iterator[None]:
        descriptor = os.open(self._path.with_suffix(".acting"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                # The kernel lets go of it when the process ends, also by kill -9.
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    "wallet.busy", "another window is acting for this wallet: try again in a moment"
                ) from error
            yield
        finally:
            os.close(descriptor)

    def save(self, changes: Sequence[Change]) -> None:
        with transaction(self._engine) as connection:
            # The write lock is held from here on: what is compared is what is replaced.
            for change in changes:
                if self._current(connection, change.key) != change.before:
                    raise Conflict("wallet.changed", "another window changed this wallet meanwhile: try again")
            for change in changes:
                self._replace(connection, change)

    def _current(self, connection: Connection, key: Key) -> bytes | None:
        row = connection.execute(sa.select(_ENTRY).where(_ENTRY.c.id == self._blind(key))).first()
        return None if row is None else self._open(row.id, row.sealed)[1]

    def _replace(self, connection: Connection, change: Change) -> None:
        blind = self._blind(change.key)
        connection.execute(sa.delete(_ENTRY).where(_ENTRY.c.id == blind))
        if change.after is not None:
            content = _pad(encode([change.key.kind.value, change.key.name, change.after]))
            sealed = seal(self._sealing_key, content, context=_entry_context(blind), entropy=self._entropy)
            connection.execute(sa.insert(_ENTRY).values(id=blind, sealed=sealed))

    def _open(self, blind: bytes, sealed: bytes) -> tuple[Key, bytes]:
        try:
            # The id is the context: an entry moved into another's place does not open there.
            content = open_sealed(self._sealing_key, sealed, context=_entry_context(blind))
            kind, name, found = as_array(decode(_unpad(content)), "wallet.entry", length=3)
            return Key(Kind(as_text(kind, "wallet.entry")), as_text(name, "wallet.entry")), as_bytes(
                found, "wallet.entry"
            )
        except (VerificationError, FormatError, ValueError) as error:
            raise VerificationError(
                "wallet.damaged", "an entry of this wallet was changed by somebody else or damaged"
            ) from error

    def _blind(self, key: Key) -> bytes:
        """The id of an entry: says nothing without the key, and is the same each time."""
        name = encode([key.kind.value, key.name])
        return hmac.digest(self._id_key.reveal(), name, "sha256")[:ID_BYTES]


def _lock_context(salt: bytes, hardness: Hardness) -> bytes:
    return encode(["diptych wallet 1 lock", salt, hardness.memory_kib, hardness.iterations, hardness.lanes])


def _entry_context(blind: bytes) -> bytes:
    return encode(["diptych wallet 1 entry", blind])


def _pad(content: bytes) -> bytes:
    needed = LENGTH_BYTES + len(content)
    size = next((size for size in SIZE_CLASSES if size >= needed), None)
    if size is None:
        raise Refused("wallet.entry_size", f"an entry of a wallet has at most {SIZE_CLASSES[-1]} bytes")
    return len(content).to_bytes(LENGTH_BYTES, "big") + content + bytes(size - needed)


def _unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:LENGTH_BYTES], "big")
    return padded[LENGTH_BYTES : LENGTH_BYTES + length]
