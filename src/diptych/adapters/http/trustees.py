"""The trustees over HTTP, as the registry reaches them: their kept checkpoints, messages, key ceremonies.

What a trustee says is believed only where it is signed; a refusal is passed on by the name that it gives.
"""

import httpx

from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable
from diptych.formats import strict_json
from diptych.formats.mandate.trustee_set import Trustee
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.protocols.ceremony.channel import MAX_CHANNEL_BYTES
from diptych.protocols.oauth.url import parse_url
from diptych.roles.registry.model import Message

MEDIA_TYPE = "application/vnd.diptych.trustee+cbor"
SECONDS = 10.0
CEREMONY_SECONDS = 60.0
MAX_ERROR_BYTES = 4096


class HttpTrustees:
    """`Trustees` at the URLs of a trustee set. `transport` stands in for the network in tests."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._client = httpx.Client(
            transport=transport, timeout=SECONDS, follow_redirects=False, trust_env=False, limits=httpx.Limits()
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def kept_size(self, trustee: Trustee) -> int:
        answer = self._send("GET", trustee.url, "checkpoint", None, SECONDS)
        if answer.status_code == 404:
            return 0
        if answer.status_code != 200 or len(answer.content) > MAX_NOTE_BYTES:
            raise said_error(answer)
        return parse_signed_checkpoint(answer.content).checkpoint.size

    def send(self, trustee: Trustee, message: Message, body: bytes) -> None:
        answer = self._send("POST", trustee.url, message.value, body, SECONDS)
        if answer.status_code != 204:
            raise said_error(answer)

    def take_part(self, url: str, channel: bytes) -> bytes:
        """What the trustee at `url` has said in a key ceremony, after this channel."""
        answer = self._send("POST", url, "ceremonies", channel, CEREMONY_SECONDS)
        if answer.status_code != 200:
            raise said_error(answer)
        if len(answer.content) > MAX_CHANNEL_BYTES:
            raise FormatError("ceremony.size", "the trustee says too much")
        return answer.content

    def _send(self, method: str, url: str, path: str, body: bytes | None, seconds: float) -> httpx.Response:
        headers = {} if body is None else {"Content-Type": MEDIA_TYPE}
        address = f"{parse_url(url.rstrip('/')).text}/{path}"
        try:
            return self._client.request(method, address, content=body, headers=headers, timeout=seconds)
        except httpx.HTTPError as error:
            raise Unavailable("trustee.unreachable", "the trustee did not answer") from error


def said_error(answer: httpx.Response) -> DiptychError:
    """What the other side said, in the family of its status: the name of the check, and no other of its words."""
    try:
        check = strict_json.text(strict_json.parse_object(answer.content[:MAX_ERROR_BYTES]), "error")
    except DiptychError:
        check = "holder.error"
    if not (check.isascii() and check.replace(".", "").replace("_", "").isalnum() and len(check) < 64):
        check = "holder.error"
    said = f"the answer is {answer.status_code} {check}"
    if answer.status_code == 409:
        return Conflict(check, said)
    return Unavailable(check, said) if answer.status_code >= 500 else Refused(check, said)
