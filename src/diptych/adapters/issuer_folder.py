"""The issuer's folder: its keys and certificates, the officers it honours, the trust that others place in it.

keys.json  root.key.pem  signers/*.key.pem  trust.json      roots and signers: see `issuer_keys`
nonce.key  request.key.pem      for nonces of ours, for encrypted requests
log.policy  log.key.pem  log.pub.pem    the public log, and the key that records in it: see `log_writer`
officers/*.pem                  public keys of officers whose orders are honoured
emergencies/*.txt               orders to be approved again after a key was lost: see `approval_list`
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from diptych.adapters import issuer_keys, log_writer
from diptych.adapters.founding import founded
from diptych.adapters.issuer_keys import IssuerKeys
from diptych.adapters.keys import file
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey, SoftwareSigner, generate_signer
from diptych.errors import Conflict, FormatError, Unavailable
from diptych.formats.catalogue.model import Catalogue
from diptych.formats.order.signed import officer_fingerprint
from diptych.formats.tlog.policy import Policy
from diptych.private import Secret

DATABASE = "issuer.sqlite"
TRUST = issuer_keys.TRUST
LOG_KEY = "log.key.pem"
NONCE_KEY_BYTES = 32


@dataclass(frozen=True)
class JoinedLog:
    """The log that an issuer records in: its policy, and where it is if that does not say it."""

    policy: Policy
    url: str | None


def create(
    folder: Path,
    *,
    url: str,
    country: str,
    settings: tuple[str, str],
    log: JoinedLog | None,
    catalogue: Catalogue,
    officers: Collection[PublicKey],
    key: str | None,
    access: TokenAccess,
    now: datetime,
    entropy: Entropy,
) -> None:
    """A new issuer's folder, whole or not at all; `Conflict` if something is there already.

    `settings` is the settings file's name and text; `key` a `pkcs11:` URI where the signers' keys are to be in a token;
    `log` None for an issuer that is to work without one.
    """
    with founded(folder, "issuer") as beside:
        keys = IssuerKeys(beside, url, catalogue, access)
        _fill(beside, keys, country=country, key=key, now=now, entropy=entropy)
        for officer in officers:
            add_officer(beside, officer)
        about_log = _join(beside, log, key=key, access=access)
        (beside / settings[0]).write_text(settings[1] + about_log, encoding="utf-8")


def join_log(folder: Path, settings_file: str, log: JoinedLog | None, *, key: str | None, access: TokenAccess) -> None:
    """Let an issuer that was made without a word about a log record in one from its next start on, or do without.

    `Conflict` if its settings say something about a log already.
    """
    path = folder / settings_file
    text = path.read_text(encoding="utf-8")
    if log_writer.names_in(text):
        raise Conflict(
            "issuer.log_set", f"{settings_file} says something about a log already: change it there, by hand"
        )
    about_log = _join(folder, log, key=key, access=access)
    file.replace_file(path, (text if text.endswith("\n") else text + "\n").encode() + about_log.encode())


def add_officer(folder: Path, officer: PublicKey) -> str:
    """Honour this officer's orders from the next one on; the key's fingerprint, in hexadecimal. Twice is once."""
    fingerprint = officer_fingerprint(officer).hex()
    path = folder / "officers" / f"{fingerprint[:16]}.pem"
    if not path.exists():
        file.write_public_key(path, officer)
    return fingerprint


def read_officers(folder: Path) -> tuple[PublicKey, ...]:
    """The officers whose orders are honoured."""
    return tuple(file.read_public_key(path) for path in sorted((folder / "officers").glob("*.pem")))


def read_nonce_key(folder: Path) -> Secret:
    """The key under which nonces are recognised."""
    try:
        key = (folder / "nonce.key").read_bytes()
    except OSError as error:
        raise Unavailable("issuer.nonce_key", f"nonce.key cannot be read: {error.strerror}") from error
    if len(key) != NONCE_KEY_BYTES:
        raise FormatError("issuer.nonce_key", f"nonce.key must have {NONCE_KEY_BYTES} bytes")
    return Secret(key)


def read_request_key(folder: Path) -> SoftwareSigner:
    """The key to which wallets may encrypt requests."""
    return file.read_signer(folder / "request.key.pem")


def read_trust(folder: Path) -> bytes:
    """The trust file as it lies in the folder; `IssuerKeys.trust` is what it should say."""
    try:
        return (folder / TRUST).read_bytes()
    except OSError as error:
        raise FormatError("issuer.trust", f"no {TRUST} in that folder: run `diptych issuer init` first") from error


def _fill(folder: Path, keys: IssuerKeys, *, country: str, key: str | None, now: datetime, entropy: Entropy) -> None:
    (folder / "officers").mkdir(mode=0o700)
    file.write_signer(folder / "request.key.pem", generate_signer())
    _write_secret(folder / "nonce.key", entropy(NONCE_KEY_BYTES))
    keys.create(country=country, key=key, now=now, entropy=entropy)


def _join(folder: Path, log: JoinedLog | None, *, key: str | None, access: TokenAccess) -> str:
    if log is None:
        return log_writer.settings_text(without_log=True)
    return log_writer.join(folder, log.policy, url=log.url, key=key, key_file=LOG_KEY, access=access)


def _write_secret(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as secret:
        secret.write(data)
