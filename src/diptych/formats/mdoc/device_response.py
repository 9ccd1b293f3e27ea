"""DeviceResponse (ISO 18013-5 8.3.2.1.2.2; second edition 10.3.4 for proofs): what a wallet answers.

Shapes only; nothing in an answer is believed before `verify` or, for proofs, the verifier of proofs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.errors import FormatError
from diptych.formats.cbor import (
    CborKey,
    CborValue,
    EncodedCbor,
    as_array,
    as_encoded,
    as_map,
    as_struct,
    as_text,
    as_text_map,
    as_unsigned,
    decode,
    encode,
)
from diptych.formats.cose import mac0, sign1
from diptych.formats.cose.mac0 import UnverifiedMac0
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.mdoc.issuer_signed import IssuerSigned, issuer_signed_from_cbor
from diptych.formats.mdoc.zk_document import ZkDocument, zk_document_from_cbor
from diptych.private import Personal

VERSIONS = ("1.0", "1.1")  # the second edition answers 1.1; neither changes what is read here
NO_DEVICE_ITEMS = EncodedCbor(encode({}))  # D8 18 41 A0: the proving circuits know no other
STATUS_OK = 0  # 8.3.2.1.2.3


@dataclass(frozen=True)
class DeviceSigned:
    """What the device itself says (usually nothing) and its authentication of the session."""

    name_spaces: EncodedCbor
    device_auth: UnverifiedSign1 | UnverifiedMac0

    def items(self) -> dict[str, dict[str, Personal[CborValue]]]:
        """The elements that the device claims itself, unverified; `FormatError` if that is not what is inside."""
        return {
            namespace: {
                identifier: Personal(value) for identifier, value in as_text_map(elements, "mdoc.device_items").items()
            }
            for namespace, elements in as_text_map(self.name_spaces.decoded(), "mdoc.device_items").items()
        }


@dataclass(frozen=True)
class Document:
    """One document of an answer: the disclosed items, and the device's authentication. Unverified."""

    doc_type: str
    issuer_signed: IssuerSigned
    device_signed: DeviceSigned
    errors: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    _received: bytes | None = field(init=False, default=None, repr=False, compare=False)

    def to_cbor(self) -> dict[CborKey, CborValue]:
        """The map for embedding."""
        if self._received is not None:
            return as_map(decode(self._received), "mdoc.document")
        kind = "deviceSignature" if isinstance(self.device_signed.device_auth, UnverifiedSign1) else "deviceMac"
        found: dict[CborKey, CborValue] = {
            "docType": self.doc_type,
            "issuerSigned": self.issuer_signed.to_cbor(),
            "deviceSigned": {
                "nameSpaces": self.device_signed.name_spaces,
                "deviceAuth": {kind: self.device_signed.device_auth.to_cbor()},
            },
        }
        if self.errors:
            found["errors"] = {namespace: dict(codes.items()) for namespace, codes in self.errors.items()}
        return found


@dataclass(frozen=True)
class DeviceResponse:
    """An answer: documents, proofs, or both, and what could not be given."""

    documents: tuple[Document, ...] = ()
    zk_documents: tuple[ZkDocument, ...] = ()
    document_errors: tuple[Mapping[str, int], ...] = ()
    status: int = STATUS_OK
    version: str = "1.0"
    _received: bytes | None = field(init=False, default=None, repr=False, compare=False)

    def encode(self) -> bytes:
        """The exact inverse of `parse_device_response`."""
        if self._received is not None:
            return self._received
        found: dict[CborKey, CborValue] = {"version": self.version}
        if self.documents:
            found["documents"] = [document.to_cbor() for document in self.documents]
        if self.zk_documents:
            found["zkDocuments"] = [document.to_cbor() for document in self.zk_documents]
        if self.document_errors:
            found["documentErrors"] = [dict(codes.items()) for codes in self.document_errors]
        found["status"] = self.status
        return encode(found)


def parse_device_response(data: bytes) -> DeviceResponse:
    """The DeviceResponse in `data`, or `FormatError`."""
    members = as_struct(
        decode(data),
        "mdoc.device_response",
        required=("version", "status"),
        optional=("documents", "zkDocuments", "documentErrors"),
    )
    version = as_text(members["version"], "mdoc.device_response.version")
    if version not in VERSIONS:
        raise FormatError("mdoc.device_response.version", f"the version is one of {', '.join(VERSIONS)}")
    found = DeviceResponse(
        tuple(_parse_document(value) for value in _some(members, "documents")),
        tuple(zk_document_from_cbor(value) for value in _some(members, "zkDocuments")),
        tuple(_parse_codes(value) for value in _some(members, "documentErrors")),
        as_unsigned(members["status"], "mdoc.device_response.status"),
        version,
    )
    if found.status != STATUS_OK and (found.documents or found.zk_documents):
        raise FormatError("mdoc.device_response.status", "an answer with documents has status 0")  # 8.3.2.1.2.3
    object.__setattr__(found, "_received", data)
    return found


def _some(members: Mapping[str, CborValue], name: str) -> list[CborValue]:
    if name not in members:
        return []
    found = as_array(members[name], f"mdoc.device_response.{name}")
    if not found:
        raise FormatError(f"mdoc.device_response.{name}", "an array that is there is not empty")
    return found


def _parse_document(value: CborValue) -> Document:
    members = as_struct(
        value, "mdoc.document", required=("docType", "issuerSigned", "deviceSigned"), optional=("errors",)
    )
    errors = as_text_map(members.get("errors", {}), "mdoc.document.errors")
    found = Document(
        as_text(members["docType"], "mdoc.document.doc_type"),
        issuer_signed_from_cbor(members["issuerSigned"]),
        _parse_device_signed(members["deviceSigned"]),
        {namespace: _parse_codes(codes) for namespace, codes in errors.items()},
    )
    object.__setattr__(found, "_received", encode(value))
    return found


def _parse_device_signed(value: CborValue) -> DeviceSigned:
    members = as_struct(value, "mdoc.device_signed", required=("nameSpaces", "deviceAuth"))
    auth = as_struct(members["deviceAuth"], "mdoc.device_auth", required=(), optional=("deviceSignature", "deviceMac"))
    if len(auth) != 1:
        raise FormatError("mdoc.device_auth", "a device authenticates by signature or by MAC, one of them")
    device_auth: UnverifiedSign1 | UnverifiedMac0
    if "deviceSignature" in auth:
        device_auth = sign1.from_cbor(auth["deviceSignature"])
    else:
        device_auth = mac0.from_cbor(auth["deviceMac"])
    if device_auth.unverified_payload is not None:
        raise FormatError("mdoc.device_auth", "the payload of device authentication is detached")  # 9.1.3.5, 9.1.3.6
    found = DeviceSigned(as_encoded(members["nameSpaces"], "mdoc.device_signed"), device_auth)
    found.items()
    return found


def _parse_codes(value: CborValue) -> dict[str, int]:
    check = "mdoc.errors"
    found: dict[str, int] = {}
    for name, code in as_text_map(value, check).items():
        if not isinstance(code, int) or isinstance(code, bool):
            raise FormatError(check, "an error code is an integer")
        found[name] = code
    return found
