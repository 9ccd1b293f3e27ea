"""What passes between us and a worker: frames of byte fields, each with its length before it. Not pickle.

A frame is a 4-byte big-endian length and that many bytes; these are fields, each a 4-byte length and its bytes. A
worker may have been taken over by what it read, so its frames are parsed as a stranger's. What an answer means for the
request is left to who asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from diptych.crypto.longfellow import Claim, timestamp_text
from diptych.errors import FormatError

LENGTH_BYTES = 4
MAX_FIELDS = 32
MAX_FRAME_BYTES = 2 * 1024 * 1024

VERIFY, PROVE = b"verify", b"prove"
# A worker says READY once. It answers DONE with the proof (empty for VERIFY), or FAILED with the name of the check.
READY, DONE, FAILED = b"ready", b"done", b"failed"
NOT_INSTALLED = ([FAILED, b"zk.circuit_missing"], [FAILED, b"zk.circuit_bytes"])
_FIXED_FIELDS = 9


@dataclass(frozen=True)
class Task:
    """One thing to verify or prove; `data` is the proof or the document."""

    action: bytes
    zk_system_id: str
    issuer_key: tuple[bytes, bytes]
    transcript: bytes = field(repr=False)
    timestamp: datetime
    doc_type: str
    data: bytes = field(repr=False)
    claims: Sequence[Claim]

    def fields(self) -> list[bytes]:
        """The task as a frame's fields."""
        return [
            self.action,
            self.zk_system_id.encode(),
            *self.issuer_key,
            self.transcript,
            timestamp_text(self.timestamp).encode(),
            self.doc_type.encode(),
            self.data,
            self.claims[0].namespace.encode(),
            *(part for claim in self.claims for part in (claim.identifier.encode(), claim.encoded_value)),
        ]


def parse_task(fields: Sequence[bytes]) -> Task:
    """The exact inverse of `Task.fields`, or `FormatError`."""
    pairs = len(fields) - _FIXED_FIELDS
    if pairs < 2 or pairs % 2 or fields[0] not in (VERIFY, PROVE):
        raise FormatError("zk.task", "not a task for a worker")
    action, zk_system_id, x, y, transcript, timestamp, doc_type, data, namespace, *claims = fields
    try:
        task = Task(
            action=action,
            zk_system_id=zk_system_id.decode(),
            issuer_key=(x, y),
            transcript=transcript,
            timestamp=datetime.strptime(timestamp.decode(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
            doc_type=doc_type.decode(),
            data=data,
            claims=tuple(
                Claim(namespace.decode(), identifier.decode(), value)
                for identifier, value in zip(claims[::2], claims[1::2], strict=True)
            ),
        )
    except ValueError as error:
        raise FormatError("zk.task", "not a task for a worker") from error
    if timestamp_text(task.timestamp).encode() != timestamp:
        raise FormatError("zk.task", "not a task for a worker")
    return task


def encode(fields: Iterable[bytes]) -> bytes:
    """The frame of `fields`."""
    body = b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in fields)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def body_length(head: bytes) -> int:
    """How many bytes follow a frame's first four; `FormatError` for more than a frame may have."""
    length = int.from_bytes(head, "big")
    if len(head) != LENGTH_BYTES or length > MAX_FRAME_BYTES:
        raise FormatError("zk.frame", f"a frame has at most {MAX_FRAME_BYTES} bytes")
    return length


def parse(body: bytes) -> list[bytes]:
    """The fields in a frame's body, or `FormatError`."""
    fields: list[bytes] = []
    position = 0
    while position < len(body):
        start = position + LENGTH_BYTES
        end = start + int.from_bytes(body[position:start], "big")
        if start > len(body) or end > len(body) or len(fields) == MAX_FIELDS:
            raise FormatError("zk.frame", "the frame's fields do not fit it")
        fields.append(body[start:end])
        position = end
    return fields
