"""Every string of bytes that might be a key, in whatever form it lies about: the thief tries all of them on everything.

Raw files of 32 bytes, PEM and DER private keys, hex, base64 and base64url of 32 bytes, and the 43 characters of a
code or token as they stand.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from diptych.adapters.canary_search import files_below
from diptych.formats import base64url

TOKEN = re.compile(rb"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
BASE64 = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=")
HEX = re.compile(rb"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
PEM = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
LARGEST_KEY_FILE = 64 * 1024


def tokens_in(data: bytes) -> set[bytes]:
    """Everything that looks like a code or token."""
    return set(TOKEN.findall(data))


def keys_in(data: bytes) -> set[bytes]:
    """Everything of 32 bytes that `data` may hold as a key."""
    found = {data} if len(data) == 32 else set()
    found |= {bytes.fromhex(match.decode()) for match in HEX.findall(data)}
    found |= {base64url.decode(match.decode()) for match in _decodable(TOKEN.findall(data))}
    found |= {
        base64url.decode(match.decode().rstrip("=").replace("+", "-").replace("/", "_"))
        for match in _decodable(BASE64.findall(data))
    }
    return found | set(_private_numbers(data))


def keys_at_rest(folders: Iterable[Path]) -> set[bytes]:
    """Every such key in the small files below these folders."""
    return {key for path in files_below(folders) for key in keys_in(_small(path))}


def _small(path: Path) -> bytes:
    """A file that may be of keys, as a whole. Servers that run take files away while one looks."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST_KEY_FILE else b""
    except FileNotFoundError:
        return b""


def _decodable(found: Iterable[bytes]) -> Iterator[bytes]:
    # The last character of 43 carries four bits; others are no encoding of 32 bytes.
    return (match for match in found if match.rstrip(b"=")[-1:] in b"AEIMQUYcgkosw048")


def _private_numbers(data: bytes) -> Iterator[bytes]:
    for match in PEM.findall(data):
        try:
            key = serialization.load_pem_private_key(match, None)
        except (ValueError, TypeError):
            continue
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 256:
            yield key.private_numbers().private_value.to_bytes(32, "big")
