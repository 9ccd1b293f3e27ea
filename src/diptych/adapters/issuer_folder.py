"""The issuer's folder: its keys and certificates, the officers it honours, the trust that others place in it.

root.key.pem  root.pem          the issuing authority's root; its key is needed only to make signers
signers/TYPE.key.pem  .pem      one document signer for each document type
nonce.key  request.key.pem      for nonces of ours, for encrypted requests
officers/*.pem                  public keys of officers whose orders are honoured
trust.json                      what wallets and verifiers take: roots, and the signer of each type
"""

import os
import shutil
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from diptych.adapters.keys import file
from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey, SoftwareSigner, generate_signer
from diptych.errors import Conflict, FormatError, Unavailable
from diptych.formats.catalogue.model import Catalogue
from diptych.formats.mdoc.trust import IssuerTrust, encode_trust
from diptych.formats.order.signed import officer_fingerprint
from diptych.formats.x509 import profiles
from diptych.private import Secret
from diptych.roles.issuer.ports import DocumentSigner

DATABASE = "issuer.sqlite"
TRUST = "trust.json"
ROOT_YEARS = 10
NONCE_KEY_BYTES = 32


def create(
    folder: Path,
    *,
    url: str,
    country: str,
    settings: tuple[str, str],
    catalogue: Catalogue,
    officers: Collection[PublicKey],
    now: datetime,
    entropy: Entropy,
) -> None:
    """A new issuer's folder, whole or not at all; `Conflict` if something is there already.

    `settings` is the settings file's name and text.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # mode 0700
    try:
        _fill(beside, url=url, country=country, catalogue=catalogue, now=now, entropy=entropy)
        for officer in officers:
            add_officer(beside, officer)
        (beside / settings[0]).write_text(settings[1], encoding="utf-8")
        beside.rename(folder)  # replaces an empty folder, and nothing else
    except OSError as error:
        if folder.exists():
            raise Conflict("issuer.exists", "that folder is not empty: give the issuer a folder of its own") from error
        raise Unavailable("issuer.folder", f"the folder cannot be made: {error.strerror}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


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
    """The trust file, as it is given to wallets and verifiers."""
    try:
        return (folder / TRUST).read_bytes()
    except OSError as error:
        raise FormatError("issuer.trust", f"no {TRUST} in that folder: run `diptych issuer init` first") from error


class FileDocumentSigners:
    """`DocumentSigners` that reads a key when it is needed, and only that one."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        self._folder = folder / "signers"
        self._catalogue = catalogue

    def signer_for(self, doc_type: str) -> DocumentSigner:
        document_type = self._catalogue.by_doc_type(doc_type)
        if document_type is None or not (self._folder / f"{document_type.id}.key.pem").exists():
            raise Unavailable(
                "issuer.signer", "there is no signer for this document type: make the issuer's folder anew"
            )
        return DocumentSigner(
            file.read_signer(self._folder / f"{document_type.id}.key.pem"),
            file.read_certificates(self._folder / f"{document_type.id}.pem"),
        )


def _fill(folder: Path, *, url: str, country: str, catalogue: Catalogue, now: datetime, entropy: Entropy) -> None:
    signers_folder = folder / "signers"
    for inner in (signers_folder, folder / "officers"):
        inner.mkdir(mode=0o700)
    # Certificates are valid from the day's start, because documents are signed "at" the day's start.
    start = datetime.combine(now.date(), time(), UTC)
    root_signer = generate_signer()
    root = profiles.build_iaca(
        signer=root_signer,
        country=country,
        common_name="Diptych issuing authority",
        contact=url,
        crl=f"{url}/crl",
        not_before=start,
        not_after=start + timedelta(days=365 * ROOT_YEARS),
        entropy=entropy,
    )
    file.write_signer(folder / "root.key.pem", root_signer)
    file.write_certificates(folder / "root.pem", [root])
    leaves: dict[str, tuple[bytes, ...]] = {}
    for document_type in catalogue.types.values():
        signer = generate_signer()
        leaf = profiles.build_document_signer(
            public_key=signer.public_key,
            issuer=root,
            issuer_signer=root_signer,
            common_name=f"Diptych signer of {document_type.id}",
            crl=f"{url}/crl",
            not_before=start,
            not_after=start + profiles.DOCUMENT_SIGNER_VALIDITY,
            entropy=entropy,
        )
        file.write_signer(signers_folder / f"{document_type.id}.key.pem", signer)
        file.write_certificates(signers_folder / f"{document_type.id}.pem", [leaf])
        leaves[document_type.doc_type] = (leaf,)
    file.write_signer(folder / "request.key.pem", generate_signer())
    _write_secret(folder / "nonce.key", entropy(NONCE_KEY_BYTES))
    (folder / TRUST).write_bytes(encode_trust(IssuerTrust(leaves, (root,))))


def _write_secret(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as secret:
        secret.write(data)
