"""Private keys and certificates in files: PKCS#8 PEM readable by its owner alone, certificates in PEM.

A private key is created whole or not at all, is never overwritten, and is not read while others could read it too.
It lies unencrypted: whoever needs more than the file system's protection keeps the key in a token instead.
"""

import base64
import binascii
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from diptych.crypto.signing import PublicKey, SoftwareSigner, dump_signer, load_signer
from diptych.errors import Conflict, FormatError, Refused, Unavailable
from diptych.private import Secret

KEY_LABEL = "PRIVATE KEY"
CERTIFICATE_LABEL = "CERTIFICATE"
OWNER_ONLY = 0o600
PUBLIC = 0o644
MAX_BYTES = 1024 * 1024


def make_folder(folder: Path) -> None:
    """A folder for keys, made for its owner alone; `Refused` for one in which others could replace what is there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise Unavailable("key.folder", f"{folder} cannot be made: {error.strerror}") from error
    if found.st_mode & 0o022 or found.st_uid not in (os.geteuid(), 0):
        raise Refused("key.folder_permissions", f"others can write into {folder}: run chmod 700 on it, or take another")


def write_signer(path: Path, signer: SoftwareSigner) -> None:
    """Create the key file, mode 0600: durable on return, and `Conflict` if something is there already."""
    _create(path, _pem(KEY_LABEL, dump_signer(signer)), OWNER_ONLY)


def read_signer(path: Path) -> SoftwareSigner:
    """The P-256 key of a PKCS#8 file, PEM or DER; `Refused` while group or others have any access to it."""
    data = _read_private(path, "private key")
    if data.lstrip().startswith(b"-----"):
        blocks = _blocks(data, KEY_LABEL)
        if len(blocks) != 1:
            raise FormatError("key.pem", f"{path.name} must hold exactly one '{KEY_LABEL}' (unencrypted PKCS#8)")
        data = blocks[0]
    return load_signer(data)


def read_secret(path: Path) -> Secret:
    """The first line of a file that its owner alone can read: a PIN, a passphrase. Never empty."""
    text = _read_private(path, "secret").split(b"\n", 1)[0].strip()
    if not text:
        raise FormatError("key.secret", f"{path.name} holds nothing in its first line")
    return Secret(text)


def write_public_key(path: Path, public_key: PublicKey) -> None:
    """Create the PEM file of a public key (SubjectPublicKeyInfo); `Conflict` if something is there already."""
    pem = public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _create(path, pem, PUBLIC)


def read_public_key(path: Path) -> PublicKey:
    """The P-256 public key of a PEM file, or `FormatError`."""
    with _open(path) as file:
        data = file.read(MAX_BYTES)
    try:
        key = serialization.load_pem_public_key(data)
    except (ValueError, TypeError) as error:
        raise FormatError("key.public", f"{path.name} is not a public key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise FormatError("key.curve", "only P-256 keys are used here")
    return key


def write_certificates(path: Path, chain: Sequence[bytes]) -> None:
    """Create the PEM file of DER certificates, leaf first; `Conflict` if something is there already."""
    _create(path, b"".join(_pem(CERTIFICATE_LABEL, certificate) for certificate in chain), PUBLIC)


def read_certificates(path: Path) -> tuple[bytes, ...]:
    """The DER certificates of a PEM file in its order, at least one. Nothing about them is checked here."""
    with _open(path) as file:
        found = _blocks(file.read(MAX_BYTES), CERTIFICATE_LABEL)
    if not found:
        raise FormatError("certificate.pem", f"{path.name} holds no certificate in PEM")
    return found


def replace_file(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Put `data` in the place of whatever stands there: the old or the new, never half of it. Durable on return."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_beside(beside, data, mode)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise Unavailable("key.write", f"{path.name} cannot be written: {error.strerror}") from error


@contextmanager
def only_command(folder: Path, check: str) -> Iterator[None]:
    """One command at a time changes the keys of a folder. `Conflict` if another one is at it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable("key.read", f"{folder} cannot be read: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Conflict(check, "another command is changing the keys: wait for its end") from error
        yield
    finally:
        os.close(descriptor)


def _read_private(path: Path, what: str) -> bytes:
    with _open(path) as file:
        # Of what was opened, not of what the name means a moment later.
        found = os.fstat(file.fileno())
        if found.st_uid not in (os.geteuid(), 0):
            raise Refused("key.owner", f"the {what} {path.name} is somebody else's file: whose key it is, they know")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise Refused("key.permissions", f"others can read the {what} {path.name}: run chmod 600 on it")
        return file.read(MAX_BYTES)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise FormatError("key.missing", f"there is no file {path.name} in its folder: run `init` first") from error
    except OSError as error:
        raise Unavailable("key.read", f"{path.name} cannot be read: {error.strerror}") from error


def _create(path: Path, data: bytes, mode: int) -> None:
    """Write beside, then link into place: a crash leaves no half-written key under the real name."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_beside(beside, data, mode)
            os.link(beside, path)  # unlike rename, fails where something stands already
        finally:
            beside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise Conflict("key.exists", f"{path.name} is already there; a key is never overwritten") from error
    except OSError as error:
        raise Unavailable("key.write", f"{path.name} cannot be written: {error.strerror}") from error


def _write_beside(path: Path, data: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _blocks(data: bytes, label: str) -> tuple[bytes, ...]:
    """The DER of every PEM block with this label (RFC 7468)."""
    begin, end = f"-----BEGIN {label}-----".encode(), f"-----END {label}-----".encode()
    found: list[bytes] = []
    for part in data.split(begin)[1:]:
        body, ended, _ = part.partition(end)
        try:
            if not ended:
                raise ValueError("no end line")
            found.append(base64.b64decode(b"".join(body.split()), validate=True))
        except (ValueError, binascii.Error) as error:
            raise FormatError("pem", f"a '{label}' block is damaged") from error
    return tuple(found)
