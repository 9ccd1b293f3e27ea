"""ZkDocument (ISO/IEC 18013-5 second edition, 10.3.4): a proof about a document in the place of the document.

On the wire, as deployed wallets and verifiers write it (multipaz; zk-age-verifier reads it):

    ZkDocument     = {"proof": bstr, "documentData": #6.24(bstr .cbor ZkDocumentData)}
    ZkDocumentData = {"zkSystemId": tstr, "docType": tstr, "timestamp": tdate,
                      ? "issuerSigned": {* NameSpace => [+ {"elementIdentifier": tstr, "elementValue": any}]},
                      ? "deviceSigned": the same, ? "msoX5chain": bstr / [+ bstr]}

Shapes only: every member is the wallet's claim, and means something only once a verifier of proofs has put its own
constants in its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.errors import FormatError
from diptych.formats.cbor import (
    CborKey,
    CborValue,
    EncodedCbor,
    TDate,
    as_array,
    as_bytes,
    as_encoded,
    as_map,
    as_struct,
    as_tdate,
    as_text,
    as_text_map,
    decode,
    encode,
)
from diptych.formats.cose.headers import encode_x5chain, parse_x5chain
from diptych.private import Personal


@dataclass(frozen=True)
class ZkDocument:
    """What a proof is said to prove, and the proof. Claims hold each value as its CBOR. Unverified."""

    doc_type: str
    zk_system_id: str
    timestamp: datetime
    claims: Mapping[str, Mapping[str, Personal[bytes]]]
    proof: bytes = field(repr=False)
    signer_chain: Sequence[bytes] = field(repr=False)
    _received: bytes | None = field(init=False, default=None, repr=False, compare=False)

    def to_cbor(self) -> dict[CborKey, CborValue]:
        """The map for embedding."""
        if self._received is not None:
            return as_map(decode(self._received), "zk.document")
        issuer_signed: dict[CborKey, CborValue] = {
            namespace: [
                {"elementIdentifier": identifier, "elementValue": decode(value.reveal())}
                for identifier, value in elements.items()
            ]
            for namespace, elements in self.claims.items()
        }
        data: dict[CborKey, CborValue] = {
            "zkSystemId": self.zk_system_id,
            "docType": self.doc_type,
            "timestamp": TDate.of(self.timestamp),
            "issuerSigned": issuer_signed,
            "deviceSigned": {},
            "msoX5chain": encode_x5chain(self.signer_chain),
        }
        return {"proof": self.proof, "documentData": EncodedCbor(encode(data))}

    def encode(self) -> bytes:
        """The exact inverse of `parse_zk_document`."""
        return encode(self.to_cbor()) if self._received is None else self._received


def parse_zk_document(data: bytes) -> ZkDocument:
    """The ZkDocument in `data`, or `FormatError`."""
    return zk_document_from_cbor(decode(data))


def zk_document_from_cbor(value: CborValue) -> ZkDocument:
    """The ZkDocument that `value` is, or `FormatError`."""
    members = as_struct(value, "zk.document", required=("proof", "documentData"))
    data = as_struct(
        as_encoded(members["documentData"], "zk.document").decoded(),
        "zk.document_data",
        required=("zkSystemId", "docType", "timestamp", "msoX5chain"),
        optional=("issuerSigned", "deviceSigned"),
    )
    if as_text_map(data.get("deviceSigned", {}), "zk.device_signed"):
        # No circuit accepted here proves anything that the device says itself.
        raise FormatError("zk.device_signed", "device-signed elements cannot be proved")
    found = ZkDocument(
        doc_type=as_text(data["docType"], "zk.doc_type"),
        zk_system_id=as_text(data["zkSystemId"], "zk.system_id"),
        timestamp=as_tdate(data["timestamp"], "zk.timestamp"),
        claims={
            namespace: _parse_elements(elements)
            for namespace, elements in as_text_map(data.get("issuerSigned", {}), "zk.issuer_signed").items()
        },
        proof=as_bytes(members["proof"], "zk.proof"),
        signer_chain=parse_x5chain(data["msoX5chain"]),
    )
    object.__setattr__(found, "_received", encode(value))
    return found


def _parse_elements(value: CborValue) -> dict[str, Personal[bytes]]:
    found: dict[str, Personal[bytes]] = {}
    for item in as_array(value, "zk.issuer_signed"):
        members = as_struct(item, "zk.issuer_signed", required=("elementIdentifier", "elementValue"))
        identifier = as_text(members["elementIdentifier"], "zk.issuer_signed")
        if identifier in found:
            raise FormatError("zk.issuer_signed", "an element is claimed twice")
        found[identifier] = Personal(encode(members["elementValue"]))
    return found
