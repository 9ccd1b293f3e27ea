"""The MobileSecurityObject (ISO 18013-5 9.1.2.4): what the issuer signs about a document, without its values.

Reads and writes it; whether it is true is for `issuer_auth` to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError
from diptych.formats.cbor import (
    CborValue,
    Encodable,
    EncodedCbor,
    TDate,
    Verbatim,
    as_array,
    as_bytes,
    as_encoded,
    as_map,
    as_struct,
    as_tdate,
    as_text,
    as_text_map,
    as_unsigned,
    decode,
    encode,
)
from diptych.formats.cose import key as cose_key
from diptych.formats.status_list import reference as status_reference
from diptych.formats.status_list.reference import StatusClaim, StatusReference

VERSION = "1.0"
DIGEST_ALGORITHM = "SHA-256"
# 9.1.2.4 asks for less than 2^31; deployed issuers draw 32 random bits, and nothing hangs on the 32nd.
MAX_DIGEST_ID = 2**32 - 1


@dataclass(frozen=True)
class KeyAuthorizations:
    """Which elements the device key may sign itself (9.1.2.4): whole namespaces, or single elements."""

    namespaces: frozenset[str] = frozenset()
    elements: Mapping[str, frozenset[str]] | None = None

    def covers(self, namespace: str, identifier: str) -> bool:
        """Whether the issuer lets the device key speak for this element."""
        return namespace in self.namespaces or identifier in (self.elements or {}).get(namespace, frozenset())


@dataclass(frozen=True)
class MobileSecurityObject:
    """Digests by namespace and digest id, the device's key, and how long both are good for."""

    version: str
    digest_algorithm: str
    value_digests: Mapping[str, Mapping[int, bytes]]
    device_key: PublicKey
    key_authorizations: KeyAuthorizations
    doc_type: str
    signed: datetime
    valid_from: datetime
    valid_until: datetime
    status: StatusClaim | None


def build(
    *,
    doc_type: str,
    value_digests: Mapping[str, Mapping[int, bytes] | Verbatim],
    device_key: PublicKey,
    validity_info: Verbatim,
    status: StatusReference | None = None,
) -> bytes:
    """MobileSecurityObjectBytes: the payload that the issuer signs."""
    # The proving circuits find members by position: deviceKeyInfo holds the key alone, dates have one spelling.
    members: dict[str, Encodable] = {
        "version": VERSION,
        "digestAlgorithm": DIGEST_ALGORITHM,
        "valueDigests": value_digests,
        "deviceKeyInfo": {"deviceKey": cose_key.to_cbor(device_key)},
        "docType": doc_type,
        "validityInfo": validity_info,
    }
    if status is not None:
        members["status"] = status.to_cbor()  # ISO 18013-5, second edition, 12.3.6
    return encode(EncodedCbor(encode(members)))


def encode_validity(*, signed: datetime, valid_from: datetime, valid_until: datetime) -> Verbatim:
    """ValidityInfo, the same for all copies of a document."""
    return Verbatim(
        encode({"signed": TDate.of(signed), "validFrom": TDate.of(valid_from), "validUntil": TDate.of(valid_until)})
    )


def parse(payload: bytes) -> MobileSecurityObject:
    """The MSO in MobileSecurityObjectBytes, or `FormatError`. Members added by later editions are passed over."""
    members = as_text_map(as_encoded(decode(payload), "mdoc.mso").decoded(), "mdoc.mso")
    key_info = as_text_map(_member(members, "deviceKeyInfo"), "mdoc.mso.device_key_info")
    validity = as_text_map(_member(members, "validityInfo"), "mdoc.mso.validity_info")
    return MobileSecurityObject(
        version=as_text(_member(members, "version"), "mdoc.mso.version"),
        digest_algorithm=as_text(_member(members, "digestAlgorithm"), "mdoc.mso.digest_algorithm"),
        value_digests=_parse_digests(_member(members, "valueDigests")),
        device_key=cose_key.from_cbor(_member(key_info, "deviceKey")),
        key_authorizations=_parse_authorizations(key_info.get("keyAuthorizations", {})),
        doc_type=as_text(_member(members, "docType"), "mdoc.mso.doc_type"),
        signed=as_tdate(_member(validity, "signed"), "mdoc.mso.validity_info"),
        valid_from=as_tdate(_member(validity, "validFrom"), "mdoc.mso.validity_info"),
        valid_until=as_tdate(_member(validity, "validUntil"), "mdoc.mso.validity_info"),
        status=status_reference.from_cbor(members["status"]) if "status" in members else None,
    )


def _member(members: Mapping[str, CborValue], name: str) -> CborValue:
    if name not in members:
        raise FormatError("mdoc.mso", f"'{name}' is missing")
    return members[name]


def _parse_digests(value: CborValue) -> dict[str, dict[int, bytes]]:
    found: dict[str, dict[int, bytes]] = {}
    for namespace, digests in as_text_map(value, "mdoc.mso.value_digests").items():
        found[namespace] = {}
        for digest_id, digest in as_map(digests, "mdoc.mso.value_digests").items():
            number = as_unsigned(digest_id, "mdoc.digest_id")
            if number > MAX_DIGEST_ID:
                raise FormatError("mdoc.digest_id", "a digest id has at most 32 bits")
            found[namespace][number] = as_bytes(digest, "mdoc.mso.value_digests")
    return found


def _parse_authorizations(value: CborValue) -> KeyAuthorizations:
    check = "mdoc.mso.key_authorizations"
    members = as_struct(value, check, required=(), optional=("nameSpaces", "dataElements"))
    elements = as_text_map(members.get("dataElements", {}), check)
    return KeyAuthorizations(
        _texts(members.get("nameSpaces", []), check),
        {namespace: _texts(identifiers, check) for namespace, identifiers in elements.items()},
    )


def _texts(value: CborValue, check: str) -> frozenset[str]:
    return frozenset(as_text(text, check) for text in as_array(value, check))
