"""The trustees over HTTP, as the registry reaches them: their kept checkpoints, messages, key ceremonies.

What a trustee says is believed only where it is signed; a refusal is passed on by the name that it gives.
"""

import time

import httpx

from diptych.adapters.http.bounded import NOTHING_COMPRESSED, read_bounded
from diptych.adapters.http.kept import open_client
from diptych.errors import Conflict, DiptychError, Refused, Unavailable
from diptych.formats import strict_json
from diptych.formats.mandate.trustee_set import Trustee
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.protocols.ceremony.channel import MAX_CHANNEL_BYTES
from diptych.protocols.oauth.url import parse_url
from diptych.roles.registry.model import Message

MEDIA_TYPE = "application/vnd.diptych.trustee+cbor"
SECONDS = 10.0
LONG_SECONDS = 60.0
MAX_ERROR_BYTES = 4096


class HttpTrustees:
    """`Trustees` at the URLs of a trustee set. `transport` stands in for the network in tests."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._client = open_client(self, seconds=SECONDS, transport=transport)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def kept_size(self, trustee: Trustee) -> int:
        status, content = self._send("GET", trustee.url, "checkpoint", None)
        if status == 404:
            return 0
        if status != 200 or len(content) > MAX_NOTE_BYTES:
            raise said_error(status, content)
        return parse_signed_checkpoint(content).checkpoint.size

    def send(self, trustee: Trustee, message: Message, body: bytes) -> None:
        status, content = self._send("POST", trustee.url, message.value, body)
        if status != 204:
            raise said_error(status, content)

    def ask(self, trustee: Trustee, path: str, body: bytes) -> bytes:
        return self.ask_at(trustee.url, path, body)

    def ask_at(self, url: str, path: str, body: bytes) -> bytes:
        """`ask`, of a trustee that has no place in a set yet."""
        status, content = self._send("POST", url, path, body, seconds=LONG_SECONDS)
        if status not in (200, 204):
            raise said_error(status, content)
        return content

    def _send(
        self, method: str, url: str, path: str, body: bytes | None, *, seconds: float = SECONDS
    ) -> tuple[int, bytes]:
        headers = NOTHING_COMPRESSED if body is None else {"Content-Type": MEDIA_TYPE, **NOTHING_COMPRESSED}
        address = f"{parse_url(url.rstrip('/')).text}/{path}"
        deadline = time.monotonic() + 2 * seconds
        try:
            with self._client.stream(method, address, content=body, headers=headers, timeout=seconds) as answer:
                return answer.status_code, read_bounded(answer, max_bytes=MAX_CHANNEL_BYTES, deadline=deadline)
        except httpx.HTTPError as error:
            raise Unavailable("trustee.unreachable", "the trustee did not answer") from error


def said_error(status: int, content: bytes) -> DiptychError:
    """What the other side said, in the family of its status: the name of the check, and no other of its words."""
    try:
        check = strict_json.text(strict_json.parse_object(content[:MAX_ERROR_BYTES]), "error")
    except DiptychError:
        check = "holder.error"
    if not (check.isascii() and check.replace(".", "").replace("_", "").isalnum() and len(check) < 64):
        check = "holder.error"
    said = f"the answer is {status} {check}"
    if status == 409:
        return Conflict(check, said)
    return Unavailable(check, said) if status >= 500 else Refused(check, said)
