"""The wallet's lines to issuers and verifiers over HTTP: one request each, bounded in time and size, no redirects.

https, or http on this machine; certificates are checked. What an answer means is left to `roles/wallet`.
"""

import queue
import threading
import time
from collections.abc import Mapping

import httpx

from diptych.adapters.http.authorities import authorities
from diptych.adapters.http.bounded import NOTHING_COMPRESSED, read_bounded, too_slow
from diptych.errors import Unavailable
from diptych.private import Secret
from diptych.protocols.oauth.dpop import HEADER, NONCE_HEADER, SCHEME
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vp import request_object
from diptych.roles.wallet.ports import Answer

TIMEOUT_SECONDS = 10.0
TOTAL_SECONDS = 30.0
# A verifier checks a proof before it answers.
VERDICT_SECONDS = 60.0

MAX_METADATA_BYTES = 1024 * 1024
MAX_TOKEN_BYTES = 64 * 1024
MAX_CREDENTIAL_BYTES = 32 * 1024 * 1024
MAX_REQUEST_BYTES = request_object.MAX_BYTES
MAX_RECEIPT_BYTES = 16 * 1024
MAX_FILE_BYTES = 16 * 1024 * 1024
JSON, OCTETS = "application/json", "application/octet-stream"


class HttpLine:
    """One bounded request after another. `transport` stands in for the network in tests."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._transport = transport

    def get(
        self,
        url: str,
        *,
        accept: str,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        total_seconds: float = TOTAL_SECONDS,
    ) -> Answer:
        """A GET. The URL of a message has no query (`parse_url`): what is asked for in one is named apart."""
        sent = {"Accept": accept, **(headers or {})}
        return self._send("GET", url, sent, b"", max_bytes=max_bytes, total_seconds=total_seconds, query=query)

    def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        max_bytes: int,
        total_seconds: float = TOTAL_SECONDS,
    ) -> Answer:
        """A POST."""
        return self._send("POST", url, headers, body, max_bytes=max_bytes, total_seconds=total_seconds)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        max_bytes: int,
        total_seconds: float,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        place = parse_url(url)
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=total_seconds)
        sent = {**headers, **NOTHING_COMPRESSED}
        client = httpx.Client(
            transport=self._transport, timeout=timeout, follow_redirects=False, trust_env=False, verify=authorities()
        )
        answers: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                with client, client.stream(method, place.text, params=query, headers=sent, content=body) as response:
                    answers.put(_read(response, max_bytes=max_bytes, deadline=deadline))
            except Exception as error:  # whatever it is, it is for who waits below
                answers.put(error)

        # A thread may be left behind; waiting in it would not end: an answer's head, or one interim answer (1xx) after
        # another, trickles in without ever running into the timeout of a single read.
        deadline = time.monotonic() + total_seconds
        threading.Thread(target=ask, daemon=True, name="http line").start()
        try:
            answer = answers.get(timeout=total_seconds)
        except queue.Empty:
            client.close()  # what the thread reads next fails, and it ends
            raise too_slow() from None
        if isinstance(
            answer, httpx.HTTPError | httpx.InvalidURL | UnicodeError
        ):  # the last: no such name can be (IDNA)
            raise Unavailable("http.unreachable", f"no answer from {place.origin}: try again") from answer
        if isinstance(answer, Exception):
            raise answer
        return answer


def _read(response: httpx.Response, *, max_bytes: int, deadline: float) -> Answer:
    received = read_bounded(response, max_bytes=max_bytes, deadline=deadline)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(response.status_code, media_type, received, response.headers.get(NONCE_HEADER))


class HttpIssuerLine:
    """`IssuerLine` over HTTP."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._http = HttpLine(transport)

    def fetch(self, url: str) -> Answer:
        return self._http.get(url, accept=JSON, max_bytes=MAX_METADATA_BYTES)

    def fetch_file(self, url: str) -> Answer:
        return self._http.get(url, accept=OCTETS, max_bytes=MAX_FILE_BYTES)

    def ask_token(self, url: str, form: bytes, *, dpop: str) -> Answer:
        headers = {"Content-Type": FORM, "Accept": JSON, HEADER: dpop}
        return self._http.post(url, form, headers=headers, max_bytes=MAX_TOKEN_BYTES)

    def ask_nonce(self, url: str) -> Answer:
        return self._http.post(url, b"", headers={"Accept": JSON}, max_bytes=MAX_TOKEN_BYTES)

    def ask_credential(self, url: str, body: bytes, *, media_type: str, access_token: Secret, dpop: str) -> Answer:
        headers = {
            "Content-Type": media_type,
            "Authorization": f"{SCHEME} {access_token.reveal().decode('ascii')}",
            HEADER: dpop,
        }
        return self._http.post(url, body, headers=headers, max_bytes=MAX_CREDENTIAL_BYTES)


class HttpVerifierLine:
    """`VerifierLine` over HTTP."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self._http = HttpLine(transport)

    def fetch_request(self, url: str, form: bytes) -> Answer:
        headers = {"Content-Type": FORM, "Accept": request_object.MEDIA_TYPE}
        return self._http.post(url, form, headers=headers, max_bytes=MAX_REQUEST_BYTES)

    def send_response(self, url: str, form: bytes) -> Answer:
        headers = {"Content-Type": FORM, "Accept": JSON}
        return self._http.post(url, form, headers=headers, max_bytes=MAX_RECEIPT_BYTES, total_seconds=VERDICT_SECONDS)
