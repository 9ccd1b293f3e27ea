"""The verifier's folder: who it is, what it registered, whom it believes, what it may ask.

verifier.key.pem  verifier.pem  its key and access certificate; requests are signed with them
registration.jwt                what it registered to ask, signed by the registrar
trust.json                      whose documents it believes: an issuer's trust file
relying-party.key               who holds it may ask in this verifier's name; the server knows its hash alone
relying-party.hash
policies/*.toml                 the questions; after a change, `diptych verifier register` registers them anew
asked/*.secret                  secrets of questions asked with `--no-wait`, until their verdict is read
demo-registrar/                 plays the access authority and the registrar, where no real ones are at hand
verifier-trust.json             what wallets take in order to believe those two
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from diptych.adapters.keys import file
from diptych.adapters.policy_files import PACKAGED, load_policies
from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import Conflict, FormatError, Unavailable
from diptych.formats import base64url
from diptych.formats.mdoc.trust import IssuerTrust, parse_trust
from diptych.formats.x509 import profiles
from diptych.private import Secret
from diptych.protocols.openid4vp import registration, request_object
from diptych.protocols.openid4vp.registration import Registration, VerifierTrust
from diptych.roles.verifier.policy import Policy
from diptych.roles.verifier.service import VerifierParty

DATABASE = "verifier.db"
TRUST = "trust.json"
WALLETS_TRUST = "verifier-trust.json"
POLICIES = "policies"
REGISTRATION = "registration.jwt"
KEY, CERTIFICATE = "verifier.key.pem", "verifier.pem"
API_KEY, API_KEY_HASH = "relying-party.key", "relying-party.hash"
DEMO_REGISTRAR = "demo-registrar"
ASKED = "asked"

ROOT_DAYS = 3650
CERTIFICATE_DAYS = 365
REGISTRATION_DAYS = 365
API_KEY_BYTES = 32
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class OpenedFolder:
    """Everything a verifier's process needs from its folder but its database."""

    party: VerifierParty
    policies: Mapping[str, Policy]
    trust: IssuerTrust
    key_hash: bytes


def create(
    folder: Path, *, name: str, country: str, trust: bytes, settings: tuple[str, str], now: datetime, entropy: Entropy
) -> None:
    """A new verifier's folder, whole or not at all; `Conflict` if something is there already.

    `trust` is an issuer's trust file, `settings` the settings file's name and text.
    """
    parse_trust(trust)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # mode 0700
    try:
        _fill(beside, name=name, country=country, now=now, entropy=entropy)
        (beside / TRUST).write_bytes(trust)
        (beside / settings[0]).write_text(settings[1], encoding="utf-8")
        beside.rename(folder)  # replaces an empty folder, and nothing else
    except OSError as error:
        if folder.exists():
            raise Conflict("verifier.exists", "that folder is not empty: give the verifier one of its own") from error
        raise Unavailable("verifier.folder", f"the folder cannot be made: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def register(folder: Path, *, now: datetime) -> Registration:
    """Have the demo registrar register the policies as they are now."""
    leaf = file.read_certificates(folder / CERTIFICATE)[0]
    start = now.replace(microsecond=0)
    found = Registration(
        subject=request_object.client_id(leaf),
        uses=tuple(policy.registered_use() for policy in load_policies(folder / POLICIES).values()),
        issued=start,
        expires=start + timedelta(days=REGISTRATION_DAYS),
    )
    registrar = file.read_signer(folder / DEMO_REGISTRAR / "registrar.key.pem")
    beside = folder / f".{REGISTRATION}"
    beside.write_text(registration.sign(found, signer=registrar), encoding="ascii")
    beside.replace(folder / REGISTRATION)
    return found


def open_folder(folder: Path) -> OpenedFolder:
    """What stands in the folder; `FormatError` names what is missing or damaged."""
    party = VerifierParty(
        file.read_signer(folder / KEY),
        file.read_certificates(folder / CERTIFICATE),
        _read(folder / REGISTRATION).decode("ascii", errors="replace").strip(),
    )
    key_hash = base64url.decode(_read(folder / API_KEY_HASH).decode("ascii", errors="replace").strip())
    return OpenedFolder(party, load_policies(folder / POLICIES), parse_trust(_read(folder / TRUST)), key_hash)


def read_api_key(folder: Path) -> Secret:
    """The key with which a relying party asks."""
    return Secret(base64url.decode(_read(folder / API_KEY).decode("ascii", errors="replace").strip()))


def keep_secret(folder: Path, presentation_id: str, secret: Secret) -> None:
    """Keep the secret of a question that is asked now and looked at later."""
    (folder / ASKED).mkdir(mode=0o700, exist_ok=True)
    _write_secret(folder / ASKED / f"{presentation_id}.secret", secret.reveal())


def kept_secret(folder: Path, presentation_id: str) -> Secret:
    """The secret kept for a question; `FormatError` if there is none."""
    path = folder / ASKED / f"{presentation_id}.secret"
    if not presentation_id.isalnum() or not path.exists():
        raise FormatError("verifier.asked", "this folder asked no such question, or its verdict was read already")
    return Secret(base64url.decode(_read(path).decode("ascii", errors="replace").strip()))


def drop_secret(folder: Path, presentation_id: str) -> None:
    """Forget a kept secret; twice is once."""
    (folder / ASKED / f"{presentation_id}.secret").unlink(missing_ok=True)


def _fill(folder: Path, *, name: str, country: str, now: datetime, entropy: Entropy) -> None:
    (folder / POLICIES).mkdir(mode=0o700)
    for path in sorted(PACKAGED.glob("*.toml")):
        shutil.copyfile(path, folder / POLICIES / path.name)
    (folder / DEMO_REGISTRAR).mkdir(mode=0o700)
    registrar = generate_signer()
    file.write_signer(folder / DEMO_REGISTRAR / "registrar.key.pem", registrar)
    root = _certify(folder, name=name, country=country, now=now, entropy=entropy)
    wallets_trust = registration.encode_trust(VerifierTrust((root,), (registrar.public_key,)))
    (folder / WALLETS_TRUST).write_bytes(wallets_trust)
    key = entropy(API_KEY_BYTES)
    _write_secret(folder / API_KEY, key)
    (folder / API_KEY_HASH).write_text(base64url.encode(hashlib.sha256(key).digest()), encoding="ascii")
    register(folder, now=now)


def _certify(folder: Path, *, name: str, country: str, now: datetime, entropy: Entropy) -> bytes:
    """An access authority, and the verifier's certificate under it. Returns the root."""
    start = datetime.combine(now.date(), time(), UTC)
    authority, signer = generate_signer(), generate_signer()
    crl = "https://access.example/crl"  # revocation lists are not fetched by anybody here
    root = profiles.build_iaca(
        signer=authority,
        country=country,
        common_name="Demo access authority",
        contact="https://access.example",
        crl=crl,
        not_before=start,
        not_after=start + timedelta(days=ROOT_DAYS),
        entropy=entropy,
    )
    leaf = profiles.build_reader(
        public_key=signer.public_key,
        issuer=root,
        issuer_signer=authority,
        common_name=name,
        crl=crl,
        not_before=start,
        not_after=start + timedelta(days=CERTIFICATE_DAYS),
        entropy=entropy,
    )
    _write_party(folder, signer, leaf)
    file.write_signer(folder / DEMO_REGISTRAR / "access.key.pem", authority)
    file.write_certificates(folder / DEMO_REGISTRAR / "access.pem", [root])
    return root


def _write_party(folder: Path, signer: SoftwareSigner, leaf: bytes) -> None:
    file.write_signer(folder / KEY, signer)
    file.write_certificates(folder / CERTIFICATE, [leaf])


def _write_secret(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as secret:
        secret.write(base64url.encode(data) + "\n")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES)
    except FileNotFoundError as error:
        raise FormatError(
            "verifier.missing", f"no {path.name} in that folder: run `diptych verifier init` first"
        ) from error
    except OSError as error:
        raise Unavailable("verifier.read", f"{path.name} cannot be read: {error.strerror}") from error
