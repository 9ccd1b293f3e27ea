"""What the issuer signed about a document, once the signer's certificate is trusted.

Who the signer is, is for `trust` to say; that the device belongs to the document, for `device_auth`. Kept apart so
that published examples without a root can be checked down to here.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from diptych.crypto import algorithms
from diptych.errors import VerificationError
from diptych.formats.cbor import CborValue
from diptych.formats.cose import sign1
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.issuer_signed import IssuerSigned
from diptych.formats.mdoc.mso import DIGEST_ALGORITHM, VERSION, MobileSecurityObject
from diptych.formats.x509 import certificate
from diptych.private import Personal

Claims = Mapping[tuple[str, str], Personal[CborValue]]
"""Element values by (namespace, element identifier)."""


@dataclass(frozen=True)
class VerifiedIssuerAuth:
    """The MSO, and the items that are at hand of those it vouches for."""

    mso: MobileSecurityObject
    claims: Claims


def verify_issuer_auth(
    issuer_signed: IssuerSigned, *, signer: x509.Certificate, expected_doc_type: str, now: datetime
) -> VerifiedIssuerAuth:
    """The claims that `signer` signed for a document of this type, valid at `now`, or `VerificationError`.

    1. The signer's key signed the MSO, with algorithms that are still accepted.
    2. The MSO is of a version known here.
    3. Its digests are SHA-256.
    4. It is for the expected docType.
    5. It was signed while the signer's certificate was valid, its dates follow one another, and it is valid now.
    6. No digest id and no element identifier stands twice among the items.
    7. Every item has a digest in the MSO, and it is the digest of the item's bytes as they came.
    """
    # 1. ISO 18013-5 9.3.1, step 2.
    algorithms.check_accepted((algorithms.ES256, algorithms.SHA_256), now=now)
    try:
        payload = sign1.verify(issuer_signed.issuer_auth, certificate.public_key(signer))
    except VerificationError as error:
        raise VerificationError("mdoc.issuer_signature", "the signer did not sign this document") from error
    found = mso.parse(payload)
    # 2. 9.1.2.4: the only version so far.
    if found.version != VERSION:
        raise VerificationError("mdoc.version", f"the MSO's version must be {VERSION}")
    # 3. Table 21 also allows SHA-384 and SHA-512; tightened to what the proving circuits compute.
    if found.digest_algorithm != DIGEST_ALGORITHM:
        raise VerificationError("mdoc.digest_algorithm", f"digests must be {DIGEST_ALGORITHM}")
    # 4. 9.3.1, step 4.
    if found.doc_type != expected_doc_type:
        raise VerificationError("mdoc.doc_type", "the issuer signed a document of another type")
    # 5. 9.3.1, step 5.
    if not signer.not_valid_before_utc <= found.signed <= signer.not_valid_after_utc:
        raise VerificationError("mdoc.validity.signed", "the document was signed outside its signer's validity")
    if not found.signed <= found.valid_from < found.valid_until:
        raise VerificationError("mdoc.validity.order", "the document's dates do not follow one another")
    if now < found.valid_from:
        raise VerificationError("mdoc.validity.not_yet", "the document is not valid yet")
    if now > found.valid_until:
        raise VerificationError("mdoc.validity.expired", "the document has expired: it must be renewed")
    # 6. Two items under one digest id, or one name in two namespaces, would let the holder choose which one is read.
    claims: dict[tuple[str, str], Personal[CborValue]] = {}
    identifiers: set[str] = set()
    for namespace, items in issuer_signed.namespaces.items():
        digest_ids = {item.digest_id for item in items}
        if len(digest_ids) != len(items):
            raise VerificationError("mdoc.digest_repeated", "two items stand under one digest id")
        for item in items:
            if item.element_identifier in identifiers:
                raise VerificationError("mdoc.element_repeated", "an element identifier stands twice")
            identifiers.add(item.element_identifier)
            # 7. 9.3.1, step 3.
            expected = found.value_digests.get(namespace, {}).get(item.digest_id)
            if expected is None:
                raise VerificationError("mdoc.digest_missing", "the issuer signed no digest for an item")
            if not hmac.compare_digest(expected, item.digest()):
                raise VerificationError("mdoc.digest", "an item is not the one that the issuer signed")
            claims[namespace, item.element_identifier] = item.element_value
    return VerifiedIssuerAuth(found, claims)
