"""A role's folder in one file, copied while the role runs, and put back where nothing is.

    archive = tar of manifest.json, then the files it names                             without private keys
            | "diptych backup 1\\n" || header (one line of JSON) || sealed chunks of it   with them, under a passphrase

Of the database only what may come back is copied (`storage/coming_back`). Without a passphrase a file goes in only if
it is known to hold no secret. That an archive is recent is for the operator to know: nothing in it can prove it.
"""

import fcntl
import hashlib
import io
import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO
from urllib.parse import quote

import diptych
from diptych.crypto.entropy import Entropy
from diptych.crypto.passphrase import SALT_BYTES, Hardness, check_hardness, derive_key
from diptych.crypto.sealing import OVERHEAD_BYTES, open_sealed, seal
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats import base64url, cbor, strict_json
from diptych.private import Secret

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MAGIC = b"diptych backup 1\n"
MANIFEST = "manifest.json"
MAX_HEADER_BYTES = 4096
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
LENGTH_BYTES = 4
OWNER_ONLY, PUBLIC = 0o600, 0o644
KEYS_LOCK = ".keys.lock"

# What is known to hold no secret. Whatever is not here waits for a passphrase.
PUBLIC_NAMES = ("settings.toml", "keys.json", "*.json", "*.toml", "*.pem", "*.jwt", "*.hash")
PRIVATE_MARKS = (b"PRIVATE KEY-----",)
# What lives for minutes, or is made anew: an archive would only keep it longer than it was meant to be.
LEFT_OUT = (
    "attempts",
    "asked",
    "tmp",
    "epochs",
    "server.log",
    "*.sqlite",
    "*.sqlite-*",
    "*.db",
    "*.db-*",
    ".*",
    "*.acting",
)


@dataclass(frozen=True)
class Backup:
    """What went into an archive, and what of the folder did not."""

    files: Sequence[str]
    left_out: Sequence[str]
    """Files that may hold secrets, and links: an archive without a passphrase has none of them."""
    has_database: bool


@dataclass(frozen=True)
class Manifest:
    """What an archive says of itself."""

    role: str
    release: str
    made_at: datetime
    has_keys: bool
    database: str | None
    files: "dict[str, tuple[str, int]]"
    """SHA-256 and permissions by name."""


def back_up(
    folder: Path,
    archive: Path,
    *,
    role: str,
    database: Path | None,
    forget: Callable[[sqlite3.Connection], None],
    passphrase: Secret | None,
    hardness: Hardness,
    now: datetime,
    entropy: Entropy,
) -> Backup:
    """Write the archive, whole or not at all; `Conflict` if something is there already.

    `database` is a SQLite file of the folder, or None where there is none to copy; `forget` deletes from the copy what
    must not come back. With a passphrase, private keys go in too.
    """
    if archive.exists():
        raise Conflict("backup.exists", f"{archive.name} is there already: give the archive another name")
    beside = archive.with_name(f".{archive.name}.{secrets.token_hex(8)}")
    try:
        with ExitStack() as closes, _copying():
            closes.callback(beside.unlink, missing_ok=True)
            closes.enter_context(_keys_at_rest(folder))
            scratch = Path(closes.enter_context(tempfile.TemporaryDirectory(prefix=".backup.", dir=folder)))
            files, left_out = _sort(folder, with_secrets=passphrase is not None)
            copy = None
            if database is not None:
                copy = scratch / "copy"
                _copy_database(database, copy, forget)
                files[_inside(database, folder)] = copy
            manifest = _describe(
                files, role=role, now=now, has_keys=passphrase is not None,
                database=None if database is None else _inside(database, folder),
            )  # fmt: skip
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
            with os.fdopen(descriptor, "wb") as out:
                if passphrase is None:
                    _write_tar(out, manifest, files)
                else:
                    sealing = _Sealing.begin(out, passphrase, hardness, entropy)
                    _write_tar(sealing, manifest, files)
                    sealing.finish()
                out.flush()
                os.fsync(out.fileno())
            os.link(beside, archive)
            _sync(archive.parent)
    except FileExistsError as error:
        raise Conflict("backup.exists", f"{archive.name} is there already: give the archive another name") from error
    except OSError as error:
        raise Unavailable("backup.write", f"the archive cannot be made: {error.strerror}") from error
    return Backup(sorted(files), sorted(left_out), database is not None)


def needs_passphrase(archive: Path) -> bool:
    """Whether it is sealed."""
    with _opened(archive) as source:
        return source.read(len(MAGIC)) == MAGIC


def restore(
    archive: Path, folder: Path, *, role: str, passphrase: Secret | None, finish: Callable[[Path, Manifest], None]
) -> Manifest:
    """Put an archive's files where nothing is; `Conflict` if something is there.

    Everything is checked in a folder beside, and `finish` is called there, before anything stands under the real name.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("restore.exists", f"{folder} is not empty: nothing is ever overwritten. Move it away first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # mode 0700
    try:
        with _opened(archive) as source:
            plain = _plain(source, passphrase)
            manifest = _extract(plain, beside, role=role)
        finish(beside, manifest)
        for path in beside.rglob("*"):
            _sync(path)
        beside.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        if folder.exists():
            raise Conflict("restore.exists", f"{folder} is not empty: nothing is ever overwritten") from error
        raise Unavailable("restore.write", f"the folder cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return manifest


def _sort(folder: Path, *, with_secrets: bool) -> tuple[dict[str, Path], list[str]]:
    """The files that go in, by name, and the names of those that do not."""
    files: dict[str, Path] = {}
    left_out: list[str] = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_dir() or any(PurePosixPath(part).match(pattern) for part in parts for pattern in LEFT_OUT):
            continue
        name = "/".join(parts)
        is_taken = path.is_file() and not path.is_symlink() and (with_secrets or _is_public(path))
        if is_taken:
            files[name] = path
        else:
            left_out.append(name)
    return files, left_out


def _is_public(path: Path) -> bool:
    if not any(PurePosixPath(path.name).match(pattern) for pattern in PUBLIC_NAMES):
        return False
    data = path.read_bytes()
    if path.name == "settings.toml" and b"://" in data and _has_password(data):
        raise Refused(
            "backup.password",
            "settings.toml holds the database's password: move it to the environment, or back up --with-keys",
        )
    return not any(mark in data for mark in PRIVATE_MARKS)


def _has_password(settings: bytes) -> bool:
    """Whether a URL with a password stands in the settings."""
    for part in settings.split(b"://")[1:]:
        authority = part.split(b"/")[0].split(b'"')[0]
        if b"@" in authority and b":" in authority.split(b"@")[0]:
            return True
        if b"password=" in part.split(b'"')[0]:
            return True
    return False


def _copy_database(database: Path, copy: Path, forget: Callable[[sqlite3.Connection], None]) -> None:
    """One moment of a database that is being written to, without what must not come back."""
    with closing(sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=rw", uri=True, timeout=10)) as source:
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)  # in one step: a later writer waits or is not in it
            target.execute("PRAGMA journal_mode=DELETE")
            target.execute("PRAGMA secure_delete=ON")
            with target:
                forget(target)
            target.execute("VACUUM")
            if target.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise Unavailable("backup.database", "the database is damaged: an older backup is better than this one")


@contextmanager
def _copying() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable("backup.database", "the database cannot be copied now; try again") from error


@contextmanager
def _keys_at_rest(folder: Path) -> Iterator[None]:
    """While keys are being replaced, the files of a folder do not belong together."""
    try:
        descriptor = os.open(folder / KEYS_LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Conflict("backup.keys_busy", "another command is changing the keys: wait for its end") from error
    finally:
        os.close(descriptor)


def _describe(files: dict[str, Path], *, role: str, now: datetime, has_keys: bool, database: str | None) -> bytes:
    members: dict[str, strict_json.Json] = {
        "role": role,
        "release": diptych.__version__,
        "made_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "has_keys": has_keys,
        "database": database,
        "files": {name: {"sha256": _digest(path), "mode": path.stat().st_mode & 0o777} for name, path in files.items()},
    }
    return strict_json.encode(members)


def _parse_manifest(data: bytes) -> Manifest:
    members = strict_json.parse_object(data)
    database, files, has_keys = members.get("database"), members.get("files"), members.get("has_keys")
    if not isinstance(files, dict) or not isinstance(database, str | None) or not isinstance(has_keys, bool):
        raise FormatError("backup.manifest", "the archive's manifest is not readable")
    found: dict[str, tuple[str, int]] = {}
    for name, said in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or not path.parts or ".." in path.parts or str(path) != name or "\0" in name:
            raise FormatError("backup.name", "the archive names a file outside of its folder")
        if not isinstance(said, dict):
            raise FormatError("backup.manifest", "the archive's manifest is not readable")
        digest, mode = said.get("sha256"), said.get("mode")
        if not isinstance(digest, str) or not isinstance(mode, int):
            raise FormatError("backup.manifest", "the archive's manifest is not readable")
        found[name] = (digest, OWNER_ONLY if mode & 0o077 == 0 else PUBLIC)
    try:
        made_at = datetime.strptime(strict_json.text(members, "made_at"), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError as error:
        raise FormatError("backup.manifest", "the archive's manifest is not readable") from error
    return Manifest(
        strict_json.text(members, "role"), strict_json.text(members, "release"), made_at, has_keys, database, found
    )


def _write_tar(out: "BinaryIO | _Sealing", manifest: bytes, files: dict[str, Path]) -> None:
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(_member(MANIFEST, len(manifest)), io.BytesIO(manifest))
        for name, path in files.items():
            with path.open("rb") as opened:
                tar.addfile(_member(name, os.fstat(opened.fileno()).st_size), opened)


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Nothing of the machine: no owner, no time."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, OWNER_ONLY
    return member


def _extract(plain: "BinaryIO | _Opening", folder: Path, *, role: str) -> Manifest:
    """Every file of the manifest, each as it says, and nothing else."""
    manifest: Manifest | None = None
    seen: set[str] = set()
    try:
        with tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise FormatError("backup.member", "the archive has something in it that is no file")
                if manifest is None:
                    if member.name != MANIFEST or member.size > MAX_MANIFEST_BYTES:
                        raise FormatError("backup.manifest", "the archive does not begin with its manifest")
                    manifest = _parse_manifest(content.read(MAX_MANIFEST_BYTES))
                    if manifest.role != role:
                        raise Refused("backup.role", f"this is a backup of another role than {role}")
                    continue
                if member.name not in manifest.files or member.name in seen:
                    raise FormatError("backup.member", "the archive has a file that its manifest does not name")
                seen.add(member.name)
                _write_file(content, folder / member.name, *manifest.files[member.name])
    except tarfile.TarError as error:
        raise FormatError("backup.damaged", "the archive is damaged or cut short") from error
    if manifest is None or seen != set(manifest.files):
        raise FormatError("backup.damaged", "the archive is cut short: files of its manifest are missing")
    return manifest


def _write_file(content: IO[bytes], path: Path, digest: str, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hashed = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as out:
        while chunk := content.read(CHUNK_BYTES):
            hashed.update(chunk)
            out.write(chunk)
        os.fchmod(out.fileno(), mode)
    if hashed.hexdigest() != digest:
        raise VerificationError("backup.digest", f"{path.name} is not as the manifest says: the archive was changed")


class _Sealing(io.RawIOBase):
    """What is written to it arrives in sealed chunks, each bound to its place, the last one marked as the last."""

    def __init__(self, out: BinaryIO, key: Secret, header: bytes, entropy: Entropy) -> None:
        self._out = out
        self._key = key
        self._header = header
        self._entropy = entropy
        self._waiting = bytearray()
        self._number = 0

    @classmethod
    def begin(cls, out: BinaryIO, passphrase: Secret, hardness: Hardness, entropy: Entropy) -> "_Sealing":
        """Write the header; what follows is under a key of this archive alone."""
        salt = entropy(SALT_BYTES)
        header = strict_json.encode(
            {
                "memory_kib": hardness.memory_kib,
                "iterations": hardness.iterations,
                "lanes": hardness.lanes,
                "salt": base64url.encode(salt),
            }
        )
        out.write(MAGIC + header + b"\n")
        return cls(out, derive_key(passphrase, salt=salt, hardness=hardness), header, entropy)

    def write(self, data: "ReadableBuffer", /) -> int:
        given = bytes(data)
        self._waiting += given
        while len(self._waiting) > CHUNK_BYTES:
            self._seal(bytes(self._waiting[:CHUNK_BYTES]), is_last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(given)

    def finish(self) -> None:
        """The last chunk."""
        self._seal(bytes(self._waiting), is_last=True)

    def _seal(self, chunk: bytes, *, is_last: bool) -> None:
        context = _context(self._header, self._number, is_last=is_last)
        sealed = seal(self._key, chunk, context=context, entropy=self._entropy)
        self._out.write(len(sealed).to_bytes(LENGTH_BYTES, "big") + sealed)
        self._number += 1


class _Opening(io.RawIOBase):
    """The plaintext of sealed chunks, in their order, to the one that says it is the last."""

    def __init__(self, source: BinaryIO, key: Secret, header: bytes) -> None:
        self._source = source
        self._key = key
        self._header = header
        self._waiting = b""
        self._number = 0
        self._is_over = False
        self._following = self._source.read(LENGTH_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        while not self._waiting and not self._is_over:
            self._waiting = self._next()
        into = memoryview(buffer).cast("B")
        taken = self._waiting[: len(into)]
        into[: len(taken)] = taken
        self._waiting = self._waiting[len(taken) :]
        return len(taken)

    def _next(self) -> bytes:
        length = int.from_bytes(self._following, "big")
        if len(self._following) < LENGTH_BYTES or not OVERHEAD_BYTES <= length <= CHUNK_BYTES + OVERHEAD_BYTES:
            raise FormatError("backup.damaged", "the archive is damaged or cut short")
        sealed = self._source.read(length)
        self._following = self._source.read(LENGTH_BYTES)
        self._is_over = not self._following
        context = _context(self._header, self._number, is_last=self._is_over)
        try:
            chunk = open_sealed(self._key, sealed, context=context)
        except (VerificationError, FormatError) as error:
            if self._number == 0:
                raise Refused("backup.passphrase", "this passphrase does not open the archive") from error
            raise VerificationError("backup.damaged", "the archive was changed, or cut short") from error
        self._number += 1
        return chunk


def _plain(source: BinaryIO, passphrase: Secret | None) -> "BinaryIO | _Opening":
    if source.read(len(MAGIC)) != MAGIC:
        source.seek(0)
        return source
    if passphrase is None:
        raise Refused("backup.passphrase", "this archive is sealed: give its passphrase")
    header = source.readline(MAX_HEADER_BYTES).removesuffix(b"\n")
    members = strict_json.parse_object(header)
    numbers = [members.get(name) for name in ("memory_kib", "iterations", "lanes")]
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise FormatError("backup.header", "the archive's header is not readable")
    memory, iterations, lanes = (int(str(number)) for number in numbers)
    hardness = check_hardness(Hardness(memory, iterations, lanes))
    salt = base64url.decode(strict_json.text(members, "salt"))
    if len(salt) != SALT_BYTES:
        raise FormatError("backup.header", "the archive's header is not readable")
    return _Opening(source, derive_key(passphrase, salt=salt, hardness=hardness), header)


@contextmanager
def _opened(archive: Path) -> Iterator[BinaryIO]:
    try:
        with archive.open("rb") as source:
            yield source
    except FileNotFoundError as error:
        raise FormatError("backup.missing", f"there is no archive {archive.name}") from error
    except OSError as error:
        raise Unavailable("backup.read", f"{archive.name} cannot be read: {error.strerror}") from error


def _context(header: bytes, number: int, *, is_last: bool) -> bytes:
    return cbor.encode(["diptych backup 1", header, number, is_last])


def _inside(path: Path, folder: Path) -> str:
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError as error:
        raise FormatError(
            "backup.outside", "the database lies outside of the folder: copy it with its own tools (sqlite3 .backup)"
        ) from error


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _sync(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
