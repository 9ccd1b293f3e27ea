"""Documents believed: by the holder on receipt, and by a verifier when presented.

Leaves to others whether the answer is the one that was asked for, and whether the transcript was used before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto import algorithms
from diptych.crypto.signing import PublicKey, SoftwareSigner
from diptych.errors import VerificationError
from diptych.formats.cbor import CborValue
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.mdoc import device_auth
from diptych.formats.mdoc.device_response import Document
from diptych.formats.mdoc.issuer_auth import Claims, verify_issuer_auth
from diptych.formats.mdoc.issuer_signed import IssuerSigned
from diptych.formats.mdoc.mso import KeyAuthorizations
from diptych.formats.mdoc.trust import IssuerTrust, verify_signer
from diptych.formats.status_list.reference import StatusClaim, StatusReference
from diptych.private import Personal


@dataclass(frozen=True)
class VerifiedIssuerSigned:
    """A document that its issuer signed for a device key. Whose device that is, a presentation shows."""

    doc_type: str
    claims: Claims
    device_key: PublicKey
    signed: datetime
    valid_from: datetime
    valid_until: datetime
    signer_fingerprint: bytes
    key_authorizations: KeyAuthorizations
    status: StatusClaim | None


@dataclass(frozen=True)
class VerifiedDocument:
    """What a verifier may rely on: these elements, from this signer, shown by the document's own device just now."""

    doc_type: str
    claims: Claims
    device_claims: Claims
    valid_until: datetime
    signer_fingerprint: bytes


def verify_issuer_signed(
    issuer_signed: IssuerSigned,
    *,
    expected_doc_type: str,
    trust: IssuerTrust,
    now: datetime,
    expected_device_key: PublicKey | None = None,
) -> VerifiedIssuerSigned:
    """The document as its issuer vouches for it, or `VerificationError`. A holder gives the device key it asked for.

    1. The signer is one pinned for this docType, under a trusted root (`trust.verify_signer`).
    2. It signed this document, for this docType, for now, with these items (`issuer_auth.verify_issuer_auth`).
    3. The document is for the expected device key, where one is given.
    Not checked: a status list, if the document names one (`status`).
    """
    # 1.
    signer = verify_signer(
        issuer_signed.issuer_auth.x5chain(), expected_doc_type=expected_doc_type, trust=trust, now=now
    )
    # 2.
    found = verify_issuer_auth(issuer_signed, signer=signer.certificate, expected_doc_type=expected_doc_type, now=now)
    # 3.
    if expected_device_key is not None and found.mso.device_key != expected_device_key:
        raise VerificationError("mdoc.device_key", "the document was issued to another device key")
    return VerifiedIssuerSigned(
        doc_type=found.mso.doc_type,
        claims=found.claims,
        device_key=found.mso.device_key,
        signed=found.mso.signed,
        valid_from=found.mso.valid_from,
        valid_until=found.mso.valid_until,
        signer_fingerprint=signer.fingerprint,
        key_authorizations=found.mso.key_authorizations,
        status=found.mso.status,
    )


def verify_document(
    document: Document,
    *,
    transcript: bytes,
    trust: IssuerTrust,
    expected_doc_type: str,
    now: datetime,
    reader_key: SoftwareSigner | None = None,
    check_status: Callable[[StatusReference], None] | None = None,
) -> VerifiedDocument:
    """The presented document, or `VerificationError`. `transcript` is built by the verifier from its own side.

    `check_status` raises unless the document at that index of that list stands; without it no document that names a
    status is believed.

    1. The document says that it is of the expected docType.
    2. Its issuer vouches for it (`verify_issuer_signed`).
    3. Its status, if it has one, is where it can be read.
    4. The key that the issuer signed authenticated docType, device items and transcript: by signature, or by MAC for
       the verifier's ephemeral `reader_key`.
    5. What the device claims itself, the issuer authorised its key to claim.
    6. It stands. Last: a list is fetched only for a document that holds in all else (status list draft, clause 8.3).
    """
    # 1. ISO 18013-5 9.3.1, step 4: the document's docType, the MSO's and the one asked for are the same.
    if document.doc_type != expected_doc_type:
        raise VerificationError("mdoc.doc_type", "the document is of another type than the one asked for")
    # 2.
    issued = verify_issuer_signed(document.issuer_signed, expected_doc_type=expected_doc_type, trust=trust, now=now)
    # 3. A security step that cannot run stops the operation.
    if issued.status is not None and (check_status is None or issued.status.reference is None):
        raise VerificationError("mdoc.status", "the document names a status that cannot be read here")
    # 4. 9.3.1, steps of mdoc authentication (9.1.3).
    is_signed = isinstance(document.device_signed.device_auth, UnverifiedSign1)
    algorithms.check_accepted((algorithms.ES256 if is_signed else algorithms.HMAC_256_256,), now=now)
    verify_device(document, transcript=transcript, device_key=issued.device_key, reader_key=reader_key)
    # 5. 9.1.2.4, keyAuthorizations.
    device_claims: dict[tuple[str, str], Personal[CborValue]] = {}
    for namespace, elements in document.device_signed.items().items():
        for identifier, value in elements.items():
            if not issued.key_authorizations.covers(namespace, identifier):
                raise VerificationError("mdoc.key_authorizations", "the device may not claim this element itself")
            device_claims[namespace, identifier] = value
    # 6.
    if issued.status is not None and check_status is not None and issued.status.reference is not None:
        check_status(issued.status.reference)
    return VerifiedDocument(
        doc_type=issued.doc_type,
        claims=issued.claims,
        device_claims=device_claims,
        valid_until=issued.valid_until,
        signer_fingerprint=issued.signer_fingerprint,
    )


def verify_device(
    document: Document, *, transcript: bytes, device_key: PublicKey, reader_key: SoftwareSigner | None = None
) -> None:
    """Raises `VerificationError` unless `device_key` authenticated the document in the session of `transcript`."""
    device_signed = document.device_signed
    if isinstance(device_signed.device_auth, UnverifiedSign1):
        device_auth.verify_signature(
            device_signed.device_auth,
            transcript=transcript,
            doc_type=document.doc_type,
            name_spaces=device_signed.name_spaces,
            device_key=device_key,
        )
        return
    if reader_key is None:
        raise VerificationError("mdoc.device_mac", "a MAC is only for a reader with an ephemeral key")
    device_auth.verify_mac(
        device_signed.device_auth,
        transcript=transcript,
        doc_type=document.doc_type,
        name_spaces=device_signed.name_spaces,
        device_key=device_key,
        reader_key=reader_key,
    )
