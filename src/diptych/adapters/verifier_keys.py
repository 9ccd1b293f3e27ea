"""The verifier's keys on disk: which one asks now, which one asks from when, and what is left of former ones.

verifier.key.pem  verifier.pem  registration.jwt        the first key, its access certificate, what it registered
keys.json                                               once there is more than that: who asks from when

A new key asks from a minute on, so that every process of a running server knows of it by then; a question stays with
the key it was asked with. Order of writes: the new key's files, under names that nobody knows yet; keys.json, replaced
whole; an hour later at the earliest, keys.json without the former key; its files destroyed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

from diptych.adapters.keys import file, locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, Unavailable
from diptych.formats import strict_json
from diptych.formats.mdoc.trust import encode_moment, parse_moment
from diptych.formats.strict_json import Json
from diptych.formats.x509 import certificate, profiles
from diptych.roles.verifier.policy import MAX_LIFETIME_SECONDS

KEYS = "keys.json"
VERSION = 1
CERTIFICATE_DAYS = 365
ANNOUNCED = timedelta(minutes=1)
NAME_BYTES = 4
_OURS = re.compile(r"verifier-[0-9a-f]{8}\.(key\.pem|pem|jwt)")
MEMBERS = {"key", "certificate", "registration", "since"}


@dataclass(frozen=True)
class PartyFiles:
    """One key with its certificate and registration. `key` may be a `pkcs11:` URI; the rest are files in the folder."""

    key: str
    certificate: str
    registration: str
    since: datetime | None = None
    """From when it asks; the first one has been asking always."""


FIRST = PartyFiles("verifier.key.pem", "verifier.pem", "registration.jwt")


def read_parties(folder: Path) -> tuple[PartyFiles, ...]:
    """Every key that may still be needed, oldest first."""
    try:
        return parse((folder / KEYS).read_bytes())
    except FileNotFoundError:
        return (FIRST,)
    except OSError as error:
        raise Unavailable("verifier.keys", f"{KEYS} cannot be read: {error.strerror}") from error


def write_parties(folder: Path, parties: Sequence[PartyFiles]) -> None:
    """The moment from which these are the keys."""
    file.replace_file(folder / KEYS, encode(parties), mode=0o600)


def add_key(
    folder: Path, authority: Path, *, crl: str, key: str | None, access: TokenAccess, now: datetime, entropy: Entropy
) -> PartyFiles:
    """A new key and its access certificate, with the names of the present one, under the authority's root.

    `authority` is the folder of the access authority. Nobody uses the new key before `write_parties`.
    """
    authority_key = authority / "access.key.pem"
    if not authority_key.exists():
        raise FormatError("verifier.authority", "the access authority's key is not here: it certifies new keys")
    former = read_parties(folder)[-1]
    present = certificate.parse(file.read_certificates(folder / former.certificate)[0])
    name = f"verifier-{entropy(NAME_BYTES).hex()}"
    location, signer = locations.make_signer(
        key, folder, access, file_name=f"{name}.key.pem", label=name, former=former.key
    )
    start = datetime.combine(now.date(), time(), UTC)
    leaf = profiles.build_reader(
        public_key=signer.public_key,
        issuer=file.read_certificates(authority / "access.pem")[0],
        issuer_signer=file.read_signer(authority_key),
        common_name=certificate.common_name(present),
        crl=crl,
        not_before=start,
        not_after=start + timedelta(days=CERTIFICATE_DAYS),
        entropy=entropy,
    )
    file.write_certificates(folder / f"{name}.pem", [leaf])
    return PartyFiles(location, f"{name}.pem", f"{name}.jwt", now.replace(microsecond=0) + ANNOUNCED)


def destroy_former(folder: Path, *, now: datetime) -> tuple[PartyFiles, ...]:
    """Destroy keys with which no open question can have been asked; what is left."""
    parties = read_parties(folder)
    # A question stands for as long as its policy says, and its successor's time has come for all of it.
    gone = [
        one
        for one, successor in pairwise(parties)
        if successor.since is not None and successor.since + timedelta(seconds=MAX_LIFETIME_SECONDS) < now
    ]
    left = parties[len(gone) :]
    if gone:
        write_parties(folder, left)
    if (folder / KEYS).exists():
        _destroy_strays(folder, left)
    return left


def _destroy_strays(folder: Path, parties: Sequence[PartyFiles]) -> None:
    """Files of keys that `keys.json` does not name: of former ones, or of one that was never taken into use."""
    named = {name for one in parties for name in (one.key, one.certificate, one.registration)}
    first = (FIRST.key, FIRST.certificate, FIRST.registration)
    for path in folder.iterdir():
        if path.name not in named and (path.name in first or _OURS.fullmatch(path.name)):
            path.unlink(missing_ok=True)


def encode(parties: Sequence[PartyFiles]) -> bytes:
    """The JSON that `parse` reads."""
    return strict_json.encode(
        {
            "version": VERSION,
            "parties": [
                {
                    "key": one.key,
                    "certificate": one.certificate,
                    "registration": one.registration,
                    "since": None if one.since is None else encode_moment(one.since),
                }
                for one in parties
            ],
        }
    )


def parse(data: bytes) -> tuple[PartyFiles, ...]:
    """The parties in `data`, or `FormatError`."""
    value = strict_json.parse_object(data)
    parties = value.get("parties")
    if set(value) != {"version", "parties"} or value["version"] != VERSION or not isinstance(parties, list):
        raise FormatError("verifier.keys", f"{KEYS} was written by another release, or damaged")
    found = tuple(_party(one) for one in parties)
    moments = [one.since for one in found if one.since is not None]
    if not found or any(one.since is None for one in found[1:]):
        raise FormatError("verifier.keys", "there is a first key, and each later one says from when it asks")
    if moments != sorted(moments):
        raise FormatError("verifier.keys", "keys stand in the order in which they ask")
    return found


def _party(value: Json) -> PartyFiles:
    if not isinstance(value, dict) or set(value) != MEMBERS:
        raise FormatError("verifier.keys", f"a key has {', '.join(sorted(MEMBERS))}")
    leaf, registered = strict_json.text(value, "certificate"), strict_json.text(value, "registration")
    if any(Path(name).name != name or not name.isprintable() for name in (leaf, registered)):
        raise FormatError("verifier.keys", "files are named, without a folder")
    since = None if value["since"] is None else parse_moment(value["since"])
    return PartyFiles(strict_json.text(value, "key"), leaf, registered, since)
