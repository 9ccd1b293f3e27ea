"""A writer's way to the log over HTTP (docs/spec/recording.md): submits, and believes only what verifies."""

import ssl
import time
from collections.abc import Sequence

import httpx

from diptych.adapters.http.bounded import NOTHING_COMPRESSED, read_bounded
from diptych.adapters.http.kept import open_client
from diptych.crypto.signing import Signer
from diptych.errors import DiptychError, Refused, Unavailable
from diptych.formats import strict_json
from diptych.formats.tlog.entry import Entry
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import LogProof
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.recording import receipts, submission

TIMEOUT_SECONDS = 30.0


class HttpRecorder:
    """Records entries in the log called `origin` at `url`, in the name of `signer`."""

    def __init__(
        self,
        url: str,
        *,
        origin: str,
        signer: Signer,
        policy: Policy,
        seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`seconds` bounds each wait, and twice that an answer.

        `tls`, made before, spares a process that records once from making it.
        """
        self._entries = parse_url(url.rstrip("/")).text + submission.PATH
        self._origin = origin
        self._signer = signer
        self._policy = policy
        self._seconds = seconds
        self._client = open_client(self, seconds=seconds, transport=transport, tls=tls)

    def record(self, entries: Sequence[Entry]) -> tuple[LogProof, ...]:
        """A verified receipt for each entry. Twice is once: after an error, record the very same entries again.

        `Refused` where the log will not have them; `VerificationError` for receipts that do not hold; `Unavailable`
        where it is not known whether they stand.
        """
        body = submission.sign_submission(entries, origin=self._origin, signer=self._signer).encode()
        headers, deadline = {"Content-Type": submission.MEDIA_TYPE, **NOTHING_COMPRESSED}, time.monotonic()
        try:
            with self._client.stream("POST", self._entries, content=body, headers=headers) as answer:
                status = answer.status_code
                content = read_bounded(answer, max_bytes=receipts.MAX_BYTES, deadline=deadline + 2 * self._seconds)
        except httpx.HTTPError as error:
            raise Unavailable("recorder.unreachable", "the log did not answer: record the same acts again") from error
        if status != 200:
            raise _error(status, content)
        found = receipts.parse_receipts(content)
        return receipts.verify_receipts(found, entries=entries, policy=self._policy)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def _error(status: int, content: bytes) -> DiptychError:
    if status >= 500:
        return Unavailable("recorder.unavailable", "the log cannot record now: record the same acts again")
    try:
        check = strict_json.text(strict_json.parse_object(content[:4096]), "error")
    except DiptychError:
        check = "no reason given"
    shown = check if check.isascii() and check.isprintable() and len(check) < 100 else "no reason given"
    return Refused("recorder.refused", f"the log refuses these acts ({status}): {shown}")
