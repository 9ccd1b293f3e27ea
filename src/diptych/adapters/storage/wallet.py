"""The wallet's store in one SQLite file: sealed entries under blind ids, behind a passphrase.

A thief of the file sees how many entries there are and their sizes, rounded up; neither what they are nor what they
say. All entries together are signed at each turn, so that none of them is put back or taken away alone; that the whole
file is put back is noticed by the mark beside it (`wallet_mark`). What entries mean is left to `roles/wallet`.
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
from diptych.adapters.storage.wallet_mark import TURN_BYTES, MarkFile
from diptych.crypto.entropy import Entropy
from diptych.crypto.passphrase import LEAST_HARDNESS, SALT_BYTES, Hardness, check_hardness, derive_key, harder
from diptych.crypto.sealing import KEY_BYTES, derive, open_sealed, seal
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.cbor import as_array, as_bytes, as_text, decode, encode
from diptych.private import Secret
from diptych.roles.wallet.ports import Change, Key, Kind, copied

ROLE = "wallet"
ID_BYTES = 16
# Sizes of entries, rounded up: a licence with a portrait and a proof of age must not be told apart to the byte.
SIZE_CLASSES = tuple(512 * 4**step for step in range(7))
LENGTH_BYTES = 4
# Files of the first lock have no turns yet; a later one is never taken for one of them.
FIRST_LOCK, LOCK = 1, 2

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
_TURN = sa.Table(
    "turn",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("turn", sa.LargeBinary),
    sa.Column("root", sa.LargeBinary),
)
_ENTRY = sa.Table(
    "entry", _METADATA, sa.Column("id", sa.LargeBinary, primary_key=True), sa.Column("sealed", sa.LargeBinary)
)


def create_wallet_store(
    path: Path,
    passphrase: Secret,
    *,
    hardness: Hardness,
    entropy: Entropy,
    entries: Mapping[Key, bytes] | None = None,
) -> "SqliteWalletStore":
    """A new store with these entries, whole or not at all; `Conflict` if the file holds a wallet already."""
    engine = open_database(path, ROLE)
    key, salt = Secret(entropy(KEY_BYTES)), entropy(SALT_BYTES)
    lock = _locked(key, passphrase, salt=salt, hardness=hardness, entropy=entropy)
    store = SqliteWalletStore(path, engine, key, salt, entropy)
    with transaction(engine) as connection:
        if connection.execute(sa.select(_LOCK.c.id)).first() is not None:
            raise _exists()
        connection.execute(sa.insert(_LOCK).values(id=1, **lock))
        store._begin(connection, entries or {})
    return store


def open_wallet_store(
    path: Path, passphrase: Secret, *, entropy: Entropy, least: Hardness = LEAST_HARDNESS
) -> "SqliteWalletStore":
    """The store in an existing file. `Refused` "wallet.passphrase" for a wrong passphrase; nothing is written."""
    engine = _open_existing(path)
    with transaction(engine) as connection:
        lock = connection.execute(sa.select(_LOCK)).first()
    if lock is None:
        raise _missing()
    hardness = check_hardness(Hardness(lock.memory_kib, lock.iterations, lock.lanes), least=least)
    wrapping_key = derive_key(passphrase, salt=lock.salt, hardness=hardness)
    for version in (LOCK, FIRST_LOCK):
        try:
            key = Secret(
                open_sealed(wrapping_key, lock.sealed_key, context=_lock_context(version, lock.salt, hardness))
            )
        except VerificationError:
            continue
        store = SqliteWalletStore(path, engine, key, lock.salt, entropy)
        if version == FIRST_LOCK:
            store._take_over(wrapping_key, hardness, lock.sealed_key)
        return store
    raise Refused(
        "wallet.passphrase",
        "this passphrase does not open the wallet; if it is lost, `diptych wallet forgotten` says what to do",
    )


def expect_no_wallet(path: Path) -> None:
    """`Conflict` if the file holds a wallet: asked before a person types passphrases."""
    if not path.exists():
        return
    with transaction(open_database(path, ROLE)) as connection:
        if connection.execute(sa.select(_LOCK.c.id)).first() is not None:
            raise _exists()


def set_aside(path: Path, name: str) -> Path:
    """Move the wallet's folder, sealed as it is, to `name` beside it, in one step; where it is then.

    For a wallet that nobody can open. `Conflict` if it is in use or the name is taken; nothing is deleted.
    """
    folder = path.parent
    aside = folder.with_name(name)
    _open_existing(path)
    with _acting(path):
        if aside.exists():
            raise Conflict("wallet.aside", "there is a folder of that name already: try again in a moment")
        try:
            folder.rename(aside)
        except OSError as error:
            raise Unavailable("storage", f"the wallet's folder cannot be moved: {error.strerror}") from error
    return aside


class SqliteWalletStore:
    """A `WalletStore` over an opened database. Made by `create_wallet_store` and `open_wallet_store`."""

    def __init__(self, path: Path, engine: Engine, key: Secret, salt: bytes, entropy: Entropy) -> None:
        self._path = path
        self._engine = engine
        self._mark = MarkFile(path)
        self._entropy = entropy
        self._use(key, salt)

    def read(self) -> Mapping[Key, bytes]:
        with transaction(self._engine) as connection:
            self._mark.settle(self._turn(connection))
            return self._entries(connection)

    @contextmanager
    def acting(self) -> Iterator[None]:
        with _acting(self._path):
            yield

    def is_copied(self) -> bool:
        with transaction(self._engine) as connection:
            return not self._mark.fits(self._turn(connection))

    def save(self, changes: Sequence[Change]) -> None:
        # The write lock is held from here on: what is compared is what is replaced.
        with transaction(self._engine) as connection:
            turn = self._expect_last(connection)
            self._change(connection, changes)
            following = self._next_turn(connection)
            self._mark.write(turn, following)
        self._settle(following)

    def adopt(self, changes: Sequence[Change]) -> None:
        with transaction(self._engine) as connection:
            self._turn(connection)
            self._change(connection, changes)
            following = self._next_turn(connection)
            # Not committed, the file still fits nothing.
            self._mark.write(following, following)

    def change_passphrase(self, passphrase: Secret, *, hardness: Hardness) -> None:
        """Everything sealed anew: fresh data key, fresh salt, at least as hard as before. All or nothing.

        Who has an older copy of the file and knows the old passphrase has that copy, and no key to this file. The old
        seals are overwritten; what the disk under the file system keeps of them is out of reach here.
        """
        key, salt = Secret(self._entropy(KEY_BYTES)), self._entropy(SALT_BYTES)
        with self.acting():
            with transaction(self._engine) as connection:
                self._turn(connection)
                found = connection.execute(sa.select(_LOCK)).one()
            hardness = harder(hardness, Hardness(found.memory_kib, found.iterations, found.lanes))
            lock = _locked(key, passphrase, salt=salt, hardness=hardness, entropy=self._entropy)
            renewed = SqliteWalletStore(self._path, self._engine, key, salt, self._entropy)
            with transaction(self._engine) as connection:
                turn = self._expect_last(connection)
                entries = self._entries(connection)
                connection.execute(sa.update(_LOCK).values(lock))
                connection.execute(sa.delete(_ENTRY))
                following = renewed._fill(connection, entries)
                self._mark.write(turn, following)
            self._use(key, salt)
            self._settle(following)
            self._erase_old_pages()

    def _begin(self, connection: Connection, entries: Mapping[Key, bytes]) -> None:
        """The first turn of a new file, within the transaction that makes it."""
        following = self._fill(connection, entries)
        self._mark.write(following, following)

    def _take_over(self, wrapping_key: Secret, hardness: Hardness, former: bytes) -> None:
        """Give a file of the first lock its first turn, and the lock that says that it has turns."""
        context = _lock_context(LOCK, self._salt, hardness)
        sealed_key = seal(wrapping_key, self._key.reveal(), context=context, entropy=self._entropy)
        with transaction(self._engine) as connection:
            found = connection.execute(sa.select(_LOCK.c.sealed_key)).one()
            if found.sealed_key != former:
                return  # another window was faster
            connection.execute(sa.update(_LOCK).values(sealed_key=sealed_key))
            # Known beforehand: where this was interrupted, the mark fits already. Another mark: the file is an old one.
            first = hmac.digest(self._root_key.reveal(), b"first turn", "sha256")[:TURN_BYTES]
            self._sign_turn(connection, first)
            if not self._mark.exists():
                self._mark.write(first, first)

    def _use(self, key: Secret, salt: bytes) -> None:
        self._key = key
        self._salt = salt
        self._sealing_key = derive(key, salt=b"", info=b"diptych wallet 1 sealing")
        self._id_key = derive(key, salt=b"", info=b"diptych wallet 1 ids")
        self._root_key = derive(key, salt=b"", info=b"diptych wallet 2 root")

    def _turn(self, connection: Connection) -> bytes:
        """The turn that the file is at, once all its entries are those of that turn."""
        lock = connection.execute(sa.select(_LOCK.c.salt)).first()
        if lock is None or lock.salt != self._salt:
            raise Conflict("wallet.relocked", "the passphrase was changed in another window: open the wallet again")
        row = connection.execute(sa.select(_TURN.c.turn, _TURN.c.root)).first()
        if row is None or not hmac.compare_digest(row.root, self._root(connection, row.turn)):
            raise VerificationError(
                "wallet.damaged", "an entry of this wallet was put back, taken away or damaged by somebody else"
            )
        found: bytes = row.turn
        return found

    def _expect_last(self, connection: Connection) -> bytes:
        """The turn of a file that nobody has put back or copied."""
        turn = self._turn(connection)
        if not self._mark.fits(turn):
            raise copied()
        return turn

    def _next_turn(self, connection: Connection) -> bytes:
        turn = self._entropy(TURN_BYTES)
        self._sign_turn(connection, turn)
        return turn

    def _sign_turn(self, connection: Connection, turn: bytes) -> None:
        connection.execute(sa.delete(_TURN))
        connection.execute(sa.insert(_TURN).values(id=1, turn=turn, root=self._root(connection, turn)))

    def _root(self, connection: Connection, turn: bytes) -> bytes:
        """What signs all entries together: an older one put back, or one left out, gives another."""
        root = hmac.new(self._root_key.reveal(), turn, "sha256")
        for row in connection.execute(sa.select(_ENTRY).order_by(_ENTRY.c.id)):
            root.update(row.id + len(row.sealed).to_bytes(8, "big") + row.sealed)
        return root.digest()

    def _settle(self, turn: bytes) -> None:
        try:
            with transaction(self._engine) as connection:
                if self._turn(connection) == turn:
                    self._mark.settle(turn)
        except (Conflict, Unavailable):
            # What was saved is saved; the next look settles it.
            return

    def _erase_old_pages(self) -> None:
        """Nothing of the old seals stays in the database or its log."""
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            (busy, *_) = cursor.fetchone() or (1,)
        finally:
            raw.close()
        if busy:
            raise Unavailable(
                "wallet.old_seals",
                "the new passphrase holds, but another window keeps the old seals on disk: close it, and change again",
            )

    def _entries(self, connection: Connection) -> dict[Key, bytes]:
        return dict(self._open(row.id, row.sealed) for row in connection.execute(sa.select(_ENTRY)).all())

    def _fill(self, connection: Connection, entries: Mapping[Key, bytes]) -> bytes:
        for key, content in entries.items():
            self._replace(connection, Change(key, None, content))
        return self._next_turn(connection)

    def _change(self, connection: Connection, changes: Sequence[Change]) -> None:
        for change in changes:
            if self._current(connection, change.key) != change.before:
                raise Conflict("wallet.changed", "another window changed this wallet meanwhile: try again")
        for change in changes:
            if change.after != change.before:
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


def _open_existing(path: Path) -> Engine:
    if not path.exists():
        raise _missing()
    return open_database(path, ROLE)


def _exists() -> Conflict:
    return Conflict("wallet.exists", "there is a wallet in this folder already")


def _missing() -> FormatError:
    return FormatError("wallet.missing", "there is no wallet in this folder: run `diptych wallet init` first")


@contextmanager
def _acting(path: Path) -> Iterator[None]:
    descriptor = os.open(path.with_suffix(".acting"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            # The kernel lets go of it when the process ends, also by kill -9.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("wallet.busy", "another window is acting for this wallet: try again in a moment") from error
        yield
    finally:
        os.close(descriptor)


def _locked(
    key: Secret, passphrase: Secret, *, salt: bytes, hardness: Hardness, entropy: Entropy
) -> dict[str, int | bytes]:
    """The columns of a lock that this passphrase opens."""
    wrapping_key = derive_key(passphrase, salt=salt, hardness=hardness)
    return {
        "memory_kib": hardness.memory_kib,
        "iterations": hardness.iterations,
        "lanes": hardness.lanes,
        "salt": salt,
        "sealed_key": seal(wrapping_key, key.reveal(), context=_lock_context(LOCK, salt, hardness), entropy=entropy),
    }


def _lock_context(version: int, salt: bytes, hardness: Hardness) -> bytes:
    """What a lock is sealed for: whoever edits what the file says of it makes it one that no passphrase opens."""
    return encode([f"diptych wallet {version} lock", salt, hardness.memory_kib, hardness.iterations, hardness.lanes])


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
