"""What may be handed to the native prover: one document that holds exactly the claimed items, each within the limits.

Looks at shape, values and dates, so that a refusal names its reason. Signatures and digests are not checked here: the
proof cannot be made without them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from diptych.crypto.longfellow import Claim, check_provable, check_tagged_item, check_tagged_mso
from diptych.errors import Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue

EMPTY_DEVICE_NAMESPACES = b"\xa0"
_CHECK = "zk.document"


def check_document(document: bytes, *, claims: Sequence[Claim], timestamp: datetime, circuit_version: int) -> str:
    """The docType of the encoded DeviceResponse, once it can be proven from.

    1. it holds one document, whose device-signed namespaces are empty
    2. it holds the claims' namespace and in it the claimed items, no fewer and no more
    3. each item is within the limits and has the claimed value
    4. the signed object is within the limits
    5. `timestamp` is within its validity
    """
    # 1
    response = cbor.as_text_map(cbor.decode(document), _CHECK)
    (only,) = cbor.as_array(response.get("documents"), _CHECK, length=1)
    parts = cbor.as_text_map(only, _CHECK)
    issuer_signed = cbor.as_text_map(parts.get("issuerSigned"), _CHECK)
    device_signed = cbor.as_text_map(parts.get("deviceSigned"), _CHECK)
    if cbor.as_encoded(device_signed.get("nameSpaces"), _CHECK).raw != EMPTY_DEVICE_NAMESPACES:
        raise Refused("zk.device_namespaces", "a document with device-signed elements cannot be proven from")
    # 2
    namespaces = cbor.as_text_map(issuer_signed.get("nameSpaces"), _CHECK)
    if list(namespaces) != [claims[0].namespace]:
        raise Refused("zk.one_namespace", "the document must hold the claims' namespace and no other")
    items = _items(cbor.as_array(namespaces[claims[0].namespace], _CHECK))
    if sorted(identifier for identifier, _ in items) != sorted(claim.identifier for claim in claims):
        raise Refused("zk.unrequested_items", "the document must hold the claimed items, no fewer and no more")
    # 3
    claimed = {claim.identifier: claim.encoded_value for claim in claims}
    for identifier, encoded_value in items:
        check_provable(identifier, encoded_value)
        if encoded_value != claimed[identifier]:
            raise VerificationError("zk.value", "the document holds another value than the one to be proven")
    # 4
    issuer_auth = cbor.as_array(issuer_signed.get("issuerAuth"), _CHECK, length=4)
    tagged_mso = cbor.as_bytes(issuer_auth[2], _CHECK)
    check_tagged_mso(tagged_mso, version=circuit_version)
    # 5
    mso = cbor.as_text_map(cbor.as_encoded(cbor.decode(tagged_mso), _CHECK).decoded(), _CHECK)
    _check_validity(cbor.as_text_map(mso.get("validityInfo"), _CHECK), timestamp)
    return cbor.as_text(parts.get("docType"), _CHECK)


def _items(items: Sequence[CborValue]) -> list[tuple[str, bytes]]:
    """Identifier and encoded value of each tag-24 item."""
    found: list[tuple[str, bytes]] = []
    for item in items:
        if not isinstance(item, cbor.EncodedCbor):
            raise Refused("zk.item_untagged", "an item that can be proven is wrapped in tag 24")
        check_tagged_item(cbor.encode(item))
        members = cbor.as_text_map(item.decoded(), _CHECK)
        identifier = cbor.as_text(members.get("elementIdentifier"), _CHECK)
        found.append((identifier, cbor.encode(members.get("elementValue"))))
    return found


def _check_validity(validity: Mapping[str, CborValue], timestamp: datetime) -> None:
    if timestamp < cbor.as_tdate(validity.get("validFrom"), _CHECK):
        raise VerificationError("zk.not_yet_valid", "the document is not valid yet at the moment of the proof")
    if timestamp > cbor.as_tdate(validity.get("validUntil"), _CHECK):
        raise VerificationError("zk.expired", "the document is no longer valid at the moment of the proof")
