"""An issued credential on the wire: its document type, the issuer's key, the values, and the signature over them.

The layout is not in it: issuer and wallet take it from the catalogue and the trust file, and the header under the
signature says whether they mean the same. Believing it is left to `crypto.fast_suite.credential.receive`.
"""

from dataclasses import dataclass, field

from diptych.crypto.bbs.suite import SIGNATURE_BYTES
from diptych.crypto.bls12381 import G2_BYTES
from diptych.crypto.fast_suite.credential import MAX_ATTRIBUTES, Layout, Value
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.bbs_credential.values import from_cbor, to_cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_struct, as_text
from diptych.private import Personal

MAX_BYTES = 128 * 1024
_CHECK = "bbs_credential"
_MEMBERS = ("doctype", "key", "values", "signature")


@dataclass(frozen=True)
class IssuedCredential:
    """What the issuer sends: `values` in the layout's order, `signature` of 80 bytes."""

    document_type: str
    issuer_key: bytes
    values: Personal[tuple[Value, ...]]
    signature: bytes = field(repr=False)


def encode_credential(credential: IssuedCredential, layout: Layout) -> bytes:
    """The CBOR that `parse_credential` reads."""
    values: list[CborValue] = [
        to_cbor(found.kind, value) for found, value in zip(layout.fields, credential.values.reveal(), strict=True)
    ]
    return cbor.encode(
        {
            "doctype": credential.document_type,
            "key": credential.issuer_key,
            "values": values,
            "signature": credential.signature,
        }
    )


def parse_document_type(data: bytes) -> str:
    """Of which type a credential says it is, so that its layout can be looked up; `FormatError` for no credential."""
    return as_text(_members(data)["doctype"], _CHECK)


def parse_credential(data: bytes, layout: Layout) -> IssuedCredential:
    """The credential of this layout, or `FormatError`."""
    members = _members(data)
    values = as_array(members["values"], _CHECK)
    if as_text(members["doctype"], _CHECK) != layout.document_type or len(values) != len(layout.fields):
        raise FormatError("bbs_credential.layout", "the credential is of another document type or layout")
    key, signature = as_bytes(members["key"], _CHECK), as_bytes(members["signature"], _CHECK)
    if len(key) != G2_BYTES or len(signature) != SIGNATURE_BYTES:
        raise FormatError("bbs_credential.length", "a key has 96 bytes, a signature 80")
    found = tuple(from_cbor(one.kind, value) for one, value in zip(layout.fields, values, strict=True))
    return IssuedCredential(layout.document_type, key, Personal(found), signature)


def _members(data: bytes) -> dict[str, CborValue]:
    if len(data) > MAX_BYTES:
        raise FormatError("bbs_credential.size", f"a credential has at most {MAX_BYTES} bytes")
    members = as_struct(cbor.decode(data), _CHECK, required=_MEMBERS)
    if tuple(members) != _MEMBERS or len(as_array(members["values"], _CHECK)) > MAX_ATTRIBUTES:
        raise FormatError("bbs_credential.members", "a credential's members stand in another order than specified")
    return members
