"""What several processes of one verifier hold in memory together, kept by the process above them, asked over a socket.

Nothing of it is ever written to disk. What outcomes mean is left to `roles/verifier`; who starts whom, to
`web/workers`.
"""

import socket
import threading
from collections.abc import Mapping
from datetime import datetime

from diptych.adapters.provers import frames
from diptych.errors import FormatError, Unavailable
from diptych.formats import base64url, strict_json
from diptych.formats.strict_json import Json
from diptych.private import Personal, Secret
from diptych.roles.verifier.outcomes import Measured, MemoryOutcomes, Outcome
from diptych.roles.verifier.policy import Mechanism

REMEMBER, FIND, HAND_OVER, FORGET = b"remember", b"find", b"hand over", b"forget"
MAX_BYTES = frames.MAX_FRAME_BYTES // 2
SECONDS = 5.0
"""For one question and its answer, between two processes of this machine."""


class OutcomeKeeper:
    """The one memory. Answers one question at a time, from workers that it trusts: they are ours."""

    def __init__(self) -> None:
        self._held = MemoryOutcomes()

    def answer(self, line: socket.socket) -> bool:
        """Answer the one question that waits on the line; False when the worker behind it has gone."""
        line.settimeout(SECONDS)
        try:
            question = _receive(line)
            if question is None:
                return False
            line.sendall(frames.encode(self._reply(*question)))
        except (OSError, FormatError):
            return False
        return True

    def _reply(self, action: bytes, name: bytes, value: bytes) -> list[bytes]:
        presentation_id = name.decode("ascii")
        if action == REMEMBER:
            self._held.remember(presentation_id, _parse(value))
        elif action == FORGET:
            self._held.forget_expired(datetime.fromisoformat(value.decode("ascii")))
        elif action == HAND_OVER:
            return [strict_json.encode(_shown(self._held.hand_over(presentation_id)))]
        elif (found := self._held.find(presentation_id)) is not None:
            return [_encode(found)]
        return [b""]


class SharedOutcomes:
    """`Outcomes` in a worker: the keeper's, at the other end of the line. Threads take turns."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._turn = threading.Lock()
        line.settimeout(SECONDS)

    def remember(self, presentation_id: str, outcome: Outcome) -> None:
        """`Unavailable` if it cannot be held: then the answer is not accepted."""
        self._ask(REMEMBER, presentation_id, _encode(outcome))

    def find(self, presentation_id: str) -> Outcome | None:
        found = self._ask(FIND, presentation_id)
        return _parse(found) if found else None

    def hand_over(self, presentation_id: str) -> Mapping[str, Personal[str | int | bool]]:
        return _revealed(strict_json.parse_object(self._ask(HAND_OVER, presentation_id)))

    def forget_expired(self, now: datetime) -> None:
        self._ask(FORGET, "", now.isoformat().encode("ascii"))

    def _ask(self, action: bytes, presentation_id: str, value: bytes = b"") -> bytes:
        if len(value) > MAX_BYTES:
            raise Unavailable("verifier.outcomes", "this answer shows more than can be held here")
        with self._turn:
            try:
                self._line.sendall(frames.encode([action, presentation_id.encode("ascii"), value]))
                answer = _receive(self._line)
            except (OSError, FormatError) as error:
                self._line.close()  # an answer that comes late must not be taken for the next one's
                raise Unavailable("verifier.outcomes", "this process cannot reach the others; try again") from error
        if answer is None:
            raise Unavailable("verifier.outcomes", "this process cannot reach the others; try again")
        return answer[0]


def _receive(line: socket.socket) -> list[bytes] | None:
    head = _receive_exactly(line, frames.LENGTH_BYTES)
    if head is None:
        return None
    body = _receive_exactly(line, frames.body_length(head))
    return None if body is None else frames.parse(body)


def _receive_exactly(line: socket.socket, length: int) -> bytes | None:
    received = bytearray()
    while len(received) < length:
        chunk = line.recv(length - len(received))
        if not chunk:
            return None
        received += chunk
    return bytes(received)


def _encode(outcome: Outcome) -> bytes:
    measured, code = outcome.measured, outcome.response_code
    return strict_json.encode(
        {
            "mechanism": measured.mechanism.value,
            "verify_ms": measured.verify_ms,
            "size": measured.size,
            "revealed": _shown(outcome.revealed),
            "response_code": None if code is None else base64url.encode(code.reveal()),
            "drop_at": outcome.drop_at.isoformat(),
        }
    )


def _parse(data: bytes) -> Outcome:
    members = strict_json.parse_object(data)
    verify_ms, size, revealed = members.get("verify_ms"), members.get("size"), members.get("revealed")
    if not isinstance(verify_ms, int) or not isinstance(size, int) or not isinstance(revealed, dict):
        raise FormatError("verifier.outcome", "this is no outcome")
    code = members.get("response_code")
    return Outcome(
        Measured(Mechanism(strict_json.text(members, "mechanism")), verify_ms, size),
        _revealed(revealed),
        Secret(base64url.decode(code)) if isinstance(code, str) else None,
        datetime.fromisoformat(strict_json.text(members, "drop_at")),
    )


def _shown(revealed: Mapping[str, Personal[str | int | bool]]) -> dict[str, Json]:
    return {name: value.reveal() for name, value in revealed.items()}


def _revealed(members: Mapping[str, Json]) -> dict[str, Personal[str | int | bool]]:
    return {name: Personal(value) for name, value in members.items() if isinstance(value, str | int | bool)}
