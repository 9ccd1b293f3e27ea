"""The citizen's own copy of a record: its content, sealed under a code that the officer hands over apart from the file.

There is no envelope for the citizen in the registry: an old backup and a wallet's key would outlive erasure. So the
copy is made at the counter and goes to the wallet alone (docs/spec/record.md, "The citizen's copy").
"""

from dataclasses import dataclass, field

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError
from diptych.formats import base64url, cbor
from diptych.formats.cbor import as_bytes, as_unsigned
from diptych.formats.cose.statement import RECORD_ID_BYTES, VERSION, as_exactly, as_line, as_members
from diptych.formats.padding import SIZE_CLASSES
from diptych.formats.record.content import RecordContent, parse_content
from diptych.private import Secret

MAX_BYTES = SIZE_CLASSES[-1] + 4096
CODE_BYTES = 32

_CHECK = "record_copy"
_TAG = b"diptych record copy 1"


@dataclass(frozen=True)
class RecordCopy:
    """A sealed copy, and where acts on the record are told: the registry's URL."""

    registry: str
    record_id: bytes
    sealed: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The exact inverse of `parse_copy`."""
        return cbor.encode(
            {"version": VERSION, "registry": self.registry, "record": self.record_id, "sealed": self.sealed}
        )


def new_copy_code(entropy: Entropy) -> Secret:
    """A code of 256 bits, as the 43 characters that travel."""
    return Secret(base64url.encode(entropy(CODE_BYTES)).encode("ascii"))


def seal_copy(content: RecordContent, *, record_id: bytes, registry: str, code: Secret, entropy: Entropy) -> RecordCopy:
    """The content for whoever has the code."""
    sealed = sealing.seal(_key(code, record_id), content.encode_padded(), context=_TAG + record_id, entropy=entropy)
    return RecordCopy(registry, record_id, sealed)


def open_copy(copy: RecordCopy, *, code: Secret) -> RecordContent:
    """What is in a copy; `VerificationError` "sealing.key" for another code."""
    return parse_content(sealing.open_sealed(_key(code, copy.record_id), copy.sealed, context=_TAG + copy.record_id))


def parse_copy(data: bytes) -> RecordCopy:
    """The copy in a file, or `FormatError`."""
    if len(data) > MAX_BYTES:
        raise FormatError(f"{_CHECK}.size", f"a copy has at most {MAX_BYTES} bytes")
    version, registry, record, sealed = as_members(
        cbor.decode(data), _CHECK, ("version", "registry", "record", "sealed")
    )
    if as_unsigned(version, _CHECK) != VERSION:
        raise FormatError(f"{_CHECK}.version", f"only version {VERSION} is known here")
    found = RecordCopy(as_line(registry, _CHECK), as_exactly(record, RECORD_ID_BYTES, _CHECK), as_bytes(sealed, _CHECK))
    if found.encode() != data:
        raise FormatError(f"{_CHECK}.canonical", "not the one encoding of this copy")
    return found


def _key(code: Secret, record_id: bytes) -> Secret:
    return sealing.derive(code, salt=record_id, info=_TAG)
