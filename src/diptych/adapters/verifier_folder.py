"""The verifier's folder: who it is, what it registered, whom it believes, what it may ask.

verifier.key.pem  verifier.pem  its key and access certificate; requests are signed with them
registration.jwt                what it registered to ask, signed by the registrar
keys.json                       its keys, once there is more than that one: see `verifier_keys`
trust.json                      whose documents it believes: an issuer's trust file
log.policy                      whose signatures make a receipt of the public log, in which epochs' keys stand
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
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Thread
from time import sleep

from diptych.adapters import log_writer, verifier_keys
from diptych.adapters.founding import founded
from diptych.adapters.keys import file, locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.adapters.policy_files import PACKAGED, load_policies
from diptych.adapters.verifier_keys import PartyFiles
from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import generate_signer
from diptych.errors import DiptychError, FormatError, Unavailable
from diptych.formats import base64url
from diptych.formats.mdoc.trust import IssuerTrust, check_succeeds, parse_trust
from diptych.formats.tlog.policy import Policy as LogPolicy
from diptych.formats.x509 import profiles
from diptych.private import Secret
from diptych.protocols.openid4vp import registration, request_object
from diptych.protocols.openid4vp.registration import Registration, VerifierTrust
from diptych.protocols.openid4vp.scope import pseudonym_scope
from diptych.roles.verifier.policy import Policy
from diptych.roles.verifier.service import ALWAYS, VerifierParty

DATABASE = "verifier.db"
TRUST = "trust.json"
WALLETS_TRUST = "verifier-trust.json"
POLICIES = "policies"
KEY, CERTIFICATE = verifier_keys.FIRST.key, verifier_keys.FIRST.certificate
API_KEY, API_KEY_HASH = "relying-party.key", "relying-party.hash"
DEMO_REGISTRAR = "demo-registrar"
ASKED = "asked"

ROOT_DAYS = 3650
CERTIFICATE_DAYS = 365
REGISTRATION_DAYS = 365
API_KEY_BYTES = 32
WATCH_SECONDS = 2.0
ACCESS_CRL = "https://access.example/crl"  # revocation lists are not fetched by anybody here
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class OpenedFolder:
    """Everything a verifier's process needs from its folder but its database. `party` is who asks now."""

    party: VerifierParty
    parties: tuple[tuple[datetime, VerifierParty], ...]
    """Every key that asks or asked, each from its moment on, oldest first."""
    policies: Mapping[str, Policy]
    trust: IssuerTrust
    key_hash: bytes


def create(
    folder: Path,
    *,
    name: str,
    country: str,
    trust: bytes,
    settings: tuple[str, str],
    log: LogPolicy | None = None,
    now: datetime,
    entropy: Entropy,
    key: str | None = None,
    access: TokenAccess | None = None,
) -> None:
    """A new verifier's folder, whole or not at all; `Conflict` if something is there already.

    `trust` is an issuer's trust file, `settings` the settings file's name and text, `log` the policy of the public log
    in which epochs' keys stand; `key` a `pkcs11:` URI where the key is to be in a token.
    """
    parse_trust(trust)
    with founded(folder, "verifier") as beside:
        keys = (key, access or TokenAccess())
        _fill(beside, keys, name=name, country=country, now=now, entropy=entropy)
        (beside / TRUST).write_bytes(trust)
        if log is not None:
            (beside / log_writer.POLICY).write_bytes(log.encode())
        (beside / settings[0]).write_text(settings[1], encoding="utf-8")


def register(folder: Path, *, now: datetime) -> Registration:
    """Have the demo registrar register the policies as they are now."""
    with file.only_command(folder, "verifier.keys_busy"):
        return [_register(folder, files, now=now) for files in verifier_keys.destroy_former(folder, now=now)][-1]


def rotate_key(
    folder: Path, *, key: str | None, access: TokenAccess, now: datetime, entropy: Entropy
) -> tuple[PartyFiles, ...]:
    """A new key, certified and registered, that asks from a minute on. Former ones finish what they asked."""
    with file.only_command(folder, "verifier.keys_busy"):
        present = verifier_keys.destroy_former(folder, now=now)
        fresh = verifier_keys.add_key(
            folder, folder / DEMO_REGISTRAR, crl=ACCESS_CRL, key=key, access=access, now=now, entropy=entropy
        )
        _register(folder, fresh, now=now)
        # A key that was announced and has not asked yet is replaced before it does.
        left = tuple(one for one in present if one.since is None or one.since <= now)
        verifier_keys.write_parties(folder, (*left, fresh))
        return verifier_keys.read_parties(folder)


def take_trust(folder: Path, trust: bytes) -> IssuerTrust:
    """Believe these issuers from now on. `Refused` for a file that would bring back a signer known to be lost."""
    found = parse_trust(trust)
    with file.only_command(folder, "verifier.keys_busy"):
        check_succeeds(found, parse_trust(_read(folder / TRUST)).lost)
        file.replace_file(folder / TRUST, trust)
    return found


def watch(
    folder: Path,
    access: TokenAccess,
    clock: Callable[[], datetime],
    take_on: Callable[[OpenedFolder], None],
    complain: Callable[[DiptychError], None],
) -> None:
    """Tell `take_on` of every change in the folder, within seconds, from a thread that ends with the process.

    What cannot be read is told to `complain`, and what was there before stays: commands write whole files.
    """

    def look(last: object) -> None:
        while True:
            sleep(WATCH_SECONDS)
            found = _stamps(folder)
            if found == last:
                continue
            last = found
            try:
                take_on(open_folder(folder, access=access, now=clock()))
            except DiptychError as error:
                complain(error)

    Thread(target=look, args=(_stamps(folder),), name="verifier-folder", daemon=True).start()


def _stamps(folder: Path) -> object:
    """Something that changes when one of the files does."""
    paths = [folder / name for name in (TRUST, verifier_keys.KEYS, POLICIES)]
    paths += [*folder.glob("*.pem"), *folder.glob("*.jwt"), *(folder / POLICIES).glob("*.toml")]
    stamps: list[tuple[str, int, int]] = []
    for path in sorted(paths):
        with suppress(OSError):
            found = path.stat()
            stamps.append((path.name, found.st_ino, found.st_mtime_ns))
    return stamps


def _register(folder: Path, files: PartyFiles, *, now: datetime) -> Registration:
    leaf = file.read_certificates(folder / files.certificate)[0]
    start = now.replace(microsecond=0)
    found = Registration(
        subject=request_object.client_id(leaf),
        uses=tuple(policy.registered_use() for policy in load_policies(folder / POLICIES).values()),
        issued=start,
        expires=start + timedelta(days=REGISTRATION_DAYS),
    )
    registrar = file.read_signer(folder / DEMO_REGISTRAR / "registrar.key.pem")
    file.replace_file(folder / files.registration, registration.sign(found, signer=registrar).encode("ascii"))
    return found


def open_folder(folder: Path, *, access: TokenAccess | None = None, now: datetime = ALWAYS) -> OpenedFolder:
    """What stands in the folder at `now`; `FormatError` names what is missing or damaged."""
    roots = registration.parse_trust(_read(folder / WALLETS_TRUST)).roots
    parties = tuple(
        (
            files.since or ALWAYS,
            VerifierParty(
                locations.open_signer(files.key, folder, access or TokenAccess()),
                chain := file.read_certificates(folder / files.certificate),
                _read(folder / files.registration).decode("ascii", errors="replace").strip(),
                pseudonym_scope(chain, roots),
            ),
        )
        for files in verifier_keys.read_parties(folder)
    )
    party = next((one for since, one in reversed(parties) if since <= now), parties[0][1])
    key_hash = base64url.decode(_read(folder / API_KEY_HASH).decode("ascii", errors="replace").strip())
    trust = parse_trust(_read(folder / TRUST))
    return OpenedFolder(party, parties, load_policies(folder / POLICIES), trust, key_hash)


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


def _fill(
    folder: Path, keys: tuple[str | None, TokenAccess], *, name: str, country: str, now: datetime, entropy: Entropy
) -> None:
    (folder / POLICIES).mkdir(mode=0o700)
    for path in sorted(PACKAGED.glob("*.toml")):
        shutil.copyfile(path, folder / POLICIES / path.name)
    (folder / DEMO_REGISTRAR).mkdir(mode=0o700)
    registrar = generate_signer()
    file.write_signer(folder / DEMO_REGISTRAR / "registrar.key.pem", registrar)
    root = _certify(folder, keys, name=name, country=country, now=now, entropy=entropy)
    wallets_trust = registration.encode_trust(VerifierTrust((root,), (registrar.public_key,)))
    (folder / WALLETS_TRUST).write_bytes(wallets_trust)
    key = entropy(API_KEY_BYTES)
    _write_secret(folder / API_KEY, key)
    (folder / API_KEY_HASH).write_text(base64url.encode(hashlib.sha256(key).digest()), encoding="ascii")
    register(folder, now=now)


def _certify(
    folder: Path, keys: tuple[str | None, TokenAccess], *, name: str, country: str, now: datetime, entropy: Entropy
) -> bytes:
    """An access authority, and the verifier's certificate under it. Returns the root."""
    start = datetime.combine(now.date(), time(), UTC)
    authority = generate_signer()
    location, signer = locations.make_signer(keys[0], folder, keys[1], file_name=KEY, label="diptych-verifier")
    root = profiles.build_iaca(
        signer=authority,
        country=country,
        common_name="Demo access authority",
        contact="https://access.example",
        crl=ACCESS_CRL,
        not_before=start,
        not_after=start + timedelta(days=ROOT_DAYS),
        entropy=entropy,
    )
    leaf = profiles.build_reader(
        public_key=signer.public_key,
        issuer=root,
        issuer_signer=authority,
        common_name=name,
        crl=ACCESS_CRL,
        not_before=start,
        not_after=start + timedelta(days=CERTIFICATE_DAYS),
        entropy=entropy,
    )
    file.write_certificates(folder / CERTIFICATE, [leaf])
    if location != KEY:
        verifier_keys.write_parties(folder, [replace(verifier_keys.FIRST, key=location)])
    file.write_signer(folder / DEMO_REGISTRAR / "access.key.pem", authority)
    file.write_certificates(folder / DEMO_REGISTRAR / "access.pem", [root])
    return root


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
