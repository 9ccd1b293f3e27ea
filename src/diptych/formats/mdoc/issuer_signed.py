"""IssuerSigned (ISO 18013-5 8.3.2.1.2.2): a document as its issuer delivers it and its holder keeps it.

Items keep the bytes that came, because their digests are over those. Nothing here is believed: see `verify`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.errors import FormatError
from diptych.formats.cbor import (
    CborKey,
    CborValue,
    EncodedCbor,
    as_array,
    as_bytes,
    as_encoded,
    as_map,
    as_struct,
    as_text,
    as_text_map,
    as_unsigned,
    decode,
    encode,
)
from diptych.formats.cose import sign1
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.mso import MAX_DIGEST_ID, MobileSecurityObject
from diptych.private import Personal

MIN_SALT_BYTES = 16  # 9.1.2.5: the random of an item has at least 16 bytes


@dataclass(frozen=True)
class IssuerSignedItem:
    """One element with its salt, and the tag-24 bytes whose digest the issuer signed."""

    digest_id: int
    random: bytes = field(repr=False)
    element_identifier: str
    element_value: Personal[CborValue]
    encoded: EncodedCbor

    def digest(self) -> bytes:
        """SHA-256 over IssuerSignedItemBytes: tag, head and content (9.1.2.5)."""
        return hashlib.sha256(encode(self.encoded)).digest()

    def encoded_value(self) -> Personal[bytes]:
        """The element value as CBOR, as a proof claims it."""
        return Personal(encode(self.element_value.reveal()))


@dataclass(frozen=True)
class IssuerSigned:
    """Items by namespace, in the order that came, and the issuer's signature over their digests. Unverified."""

    namespaces: Mapping[str, tuple[IssuerSignedItem, ...]]
    issuer_auth: UnverifiedSign1
    _received: bytes | None = field(init=False, default=None, repr=False, compare=False)

    def to_cbor(self) -> dict[CborKey, CborValue]:
        """The map for embedding."""
        if self._received is not None:
            return as_map(decode(self._received), "mdoc.issuer_signed")
        items: dict[CborKey, CborValue] = {
            namespace: [item.encoded for item in items] for namespace, items in self.namespaces.items()
        }
        found: dict[CborKey, CborValue] = {"nameSpaces": items} if items else {}
        return {**found, "issuerAuth": self.issuer_auth.to_cbor()}

    def encode(self) -> bytes:
        """The exact inverse of `parse_issuer_signed`."""
        return encode(self.to_cbor()) if self._received is None else self._received

    def item(self, namespace: str, identifier: str) -> IssuerSignedItem | None:
        """The element, if it is here."""
        for item in self.namespaces.get(namespace, ()):
            if item.element_identifier == identifier:
                return item
        return None

    def unverified_mso(self) -> MobileSecurityObject:
        """What the issuer is said to have signed; `FormatError` if that is not an MSO."""
        if self.issuer_auth.unverified_payload is None:
            raise FormatError("mdoc.issuer_auth", "the issuer's signature carries its payload")
        return mso.parse(self.issuer_auth.unverified_payload)


def parse_issuer_signed(data: bytes) -> IssuerSigned:
    """The IssuerSigned in `data`, or `FormatError`."""
    return issuer_signed_from_cbor(decode(data))


def issuer_signed_from_cbor(value: CborValue) -> IssuerSigned:
    """The IssuerSigned that `value` is, or `FormatError`."""
    members = as_struct(value, "mdoc.issuer_signed", required=("issuerAuth",), optional=("nameSpaces",))
    namespaces: dict[str, tuple[IssuerSignedItem, ...]] = {}
    for namespace, items in as_text_map(members.get("nameSpaces", {}), "mdoc.name_spaces").items():
        namespaces[namespace] = tuple(_parse_item(item) for item in as_array(items, "mdoc.name_spaces"))
        if not namespaces[namespace]:
            raise FormatError("mdoc.name_spaces", "a namespace that is named has items")
    if "nameSpaces" in members and not namespaces:
        raise FormatError("mdoc.name_spaces", "where there are no items, nameSpaces is left out")
    found = IssuerSigned(namespaces, sign1.from_cbor(members["issuerAuth"]))
    found.issuer_auth.x5chain()  # 9.1.2.4: the chain is there
    found.unverified_mso()
    object.__setattr__(found, "_received", encode(value))
    return found


def build_item(*, digest_id: int, random: bytes, identifier: str, value: Personal[CborValue]) -> IssuerSignedItem:
    """The item with its bytes, members in the order that the proving circuits are tested with."""
    members: dict[str, CborValue] = {
        "digestID": digest_id,
        "random": random,
        "elementIdentifier": identifier,
        "elementValue": value.reveal(),
    }
    return IssuerSignedItem(digest_id, random, identifier, value, EncodedCbor(encode(members)))


def _parse_item(value: CborValue) -> IssuerSignedItem:
    encoded = as_encoded(value, "mdoc.item")
    members = as_struct(
        encoded.decoded(), "mdoc.item", required=("digestID", "random", "elementIdentifier", "elementValue")
    )
    digest_id = as_unsigned(members["digestID"], "mdoc.digest_id")
    if digest_id > MAX_DIGEST_ID:
        raise FormatError("mdoc.digest_id", "a digest id has at most 32 bits")
    random = as_bytes(members["random"], "mdoc.item.random")
    if len(random) < MIN_SALT_BYTES:
        raise FormatError("mdoc.item.random", f"an item's random has at least {MIN_SALT_BYTES} bytes")
    identifier = as_text(members["elementIdentifier"], "mdoc.item.identifier")
    return IssuerSignedItem(digest_id, random, identifier, Personal(members["elementValue"]), encoded)
