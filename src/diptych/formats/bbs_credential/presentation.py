"""A presentation on the wire: document type, issuer key, epoch, disclosed values, and the proof about them.

Everything here is the sender's word until the proof holds for exactly it: the transcript has each of these again, from
the verifier's own side. Checking is left to `crypto.fast_suite.proof`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.crypto.fast_suite.credential import Layout, Value
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.bbs_credential.question import MAX_DISCLOSED
from diptych.formats.bbs_credential.values import from_cbor, to_cbor
from diptych.formats.cbor import CborKey, CborValue, as_bytes, as_struct, as_text, as_text_map
from diptych.private import Personal

KEY_ID_BYTES = 8
MAX_BYTES = 64 * 1024
MAX_EPOCH = 64
_CHECK = "bbs_presentation"
_MEMBERS = ("doctype", "key", "epoch", "disclosed", "proof")


@dataclass(frozen=True)
class UnverifiedAnswer:
    """An answer as it came. `key_id` names one of the issuer's keys, `epoch` is None where none was asked for."""

    document_type: str
    key_id: bytes
    epoch: str | None
    disclosed: Mapping[str, CborValue] = field(repr=False)
    proof: bytes = field(repr=False)

    def values(self, layout: Layout) -> dict[str, Personal[Value]]:
        """The disclosed values as this layout's kinds; `FormatError` for one that is of another."""
        kinds = {one.name: one.kind for one in layout.fields}
        if not kinds.keys() >= self.disclosed.keys():
            raise FormatError("bbs_presentation.disclosed", "the answer discloses an attribute that there is not")
        return {name: Personal(from_cbor(kinds[name], value)) for name, value in self.disclosed.items()}


def key_id(issuer_key: bytes) -> bytes:
    """By what an answer names the issuer's key: one for everybody whose documents that key signed."""
    return hashlib.sha256(issuer_key).digest()[:KEY_ID_BYTES]


def encode_answer(
    layout: Layout, *, issuer_key: bytes, epoch: str | None, disclosed: Mapping[str, Value], proof: bytes
) -> bytes:
    """The CBOR that `parse_answer` reads."""
    kinds = {one.name: one.kind for one in layout.fields}
    values: dict[CborKey, CborValue] = {name: to_cbor(kinds[name], value) for name, value in disclosed.items()}
    return cbor.encode(
        {
            "doctype": layout.document_type,
            "key": key_id(issuer_key),
            "epoch": epoch,
            "disclosed": values,
            "proof": proof,
        }
    )


def parse_answer(data: bytes) -> UnverifiedAnswer:
    """The answer in these bytes, or `FormatError`."""
    if len(data) > MAX_BYTES:
        raise FormatError("bbs_presentation.size", f"a presentation has at most {MAX_BYTES} bytes")
    members = as_struct(cbor.decode(data), _CHECK, required=_MEMBERS)
    named = as_bytes(members["key"], _CHECK)
    disclosed = as_text_map(members["disclosed"], _CHECK)
    epoch = None if members["epoch"] is None else as_text(members["epoch"], _CHECK)
    if tuple(members) != _MEMBERS or len(named) != KEY_ID_BYTES or len(disclosed) > MAX_DISCLOSED:
        raise FormatError("bbs_presentation.members", "a presentation's members are not those specified")
    if epoch is not None and len(epoch) > MAX_EPOCH:
        raise FormatError("bbs_presentation.epoch", f"an epoch is named in at most {MAX_EPOCH} characters")
    return UnverifiedAnswer(
        as_text(members["doctype"], _CHECK), named, epoch, disclosed, as_bytes(members["proof"], _CHECK)
    )
