"""What may be handed to the native prover: one document that holds exactly the claimed items, each within the limits.

Looks at shape, values and dates, so that a refusal names its reason. Signatures and digests are not checked here: no
proof can be made without them.
"""

from collections.abc import Sequence
from datetime import datetime

from diptych.crypto.longfellow import Claim, check_provable, check_tagged_item, check_tagged_mso
from diptych.errors import Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.mdoc.device_response import NO_DEVICE_ITEMS, Document, parse_device_response
from diptych.formats.mdoc.issuer_signed import IssuerSignedItem


def check_document(device_response: bytes, *, claims: Sequence[Claim], timestamp: datetime, version: int) -> Document:
    """The one document of an encoded DeviceResponse, once circuits of that version can prove the claims from it.

    1. it is one document, signed by the device, which says nothing of its own
    2. it holds the claims' namespace and in it the claimed items, no fewer and no more
    3. each item is within the limits and has the claimed value
    4. the signed object is within the limits
    5. `timestamp` is within its validity
    """
    # 1
    documents = parse_device_response(device_response).documents
    if len(documents) != 1:
        raise Refused("zk.one_document", "a proof is made from one document")
    document = documents[0]
    if document.device_signed.name_spaces != NO_DEVICE_ITEMS:
        raise Refused("zk.device_namespaces", "a document with device-signed elements cannot be proven from")
    if not isinstance(document.device_signed.device_auth, UnverifiedSign1):
        raise Refused("zk.device_mac", "a proof needs the device's signature; a MAC cannot be proven")
    # 2
    namespaces = document.issuer_signed.namespaces
    if list(namespaces) != [claims[0].namespace]:
        raise Refused("zk.one_namespace", "the document must hold the claims' namespace and no other")
    items = namespaces[claims[0].namespace]
    if sorted(item.element_identifier for item in items) != sorted(claim.identifier for claim in claims):
        raise Refused("zk.unrequested_items", "the document must hold the claimed items, no fewer and no more")
    # 3
    claimed = {claim.identifier: claim.encoded_value for claim in claims}
    for item in items:
        _check_item(item, claimed[item.element_identifier])
    # 4
    check_tagged_mso(document.issuer_signed.issuer_auth.unverified_payload or b"", version=version)
    # 5. ISO 18013-5 9.3.1: both ends count.
    held = document.issuer_signed.unverified_mso()
    if timestamp < held.valid_from:
        raise VerificationError("zk.not_yet_valid", "the document is not valid yet at the moment of the proof")
    if timestamp > held.valid_until:
        raise VerificationError("zk.expired", "the document is no longer valid at the moment of the proof")
    return document


def _check_item(item: IssuerSignedItem, claimed_value: bytes) -> None:
    encoded_value = item.encoded_value().reveal()
    check_provable(item.element_identifier, encoded_value)
    check_tagged_item(cbor.encode(item.encoded))
    if encoded_value != claimed_value:
        raise VerificationError("zk.value", "the document holds another value than the one to be proven")
