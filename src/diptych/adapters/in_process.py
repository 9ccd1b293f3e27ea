"""Roles wired together without a network: a wallet's lines that end in an issuer or a verifier of this process.

Every message is encoded and parsed as it would be on the wire. For journeys and tests; what `web/` adds (limits,
media types, headers) is not here.
"""

from collections.abc import Callable
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.errors import DiptychError, Unavailable
from diptych.formats.status_list import token
from diptych.formats.status_list.token import UnverifiedStatusListToken
from diptych.private import Secret
from diptych.protocols.oauth.errors import NOT_AUTHORIZED, ErrorResponse
from diptych.protocols.openid4vci import credential
from diptych.protocols.openid4vci.token import parse_token_request
from diptych.protocols.openid4vp import request_object
from diptych.protocols.openid4vp.response import encode_receipt
from diptych.roles.issuer.service import CREDENTIALS_PATH, NONCES_PATH, TOKENS_PATH, Issuer
from diptych.roles.issuer.status_lists import LISTS_PATH
from diptych.roles.verifier.service import Verifier
from diptych.roles.wallet.ports import Answer

Clock = Callable[[], datetime]
JSON = "application/json"


class InProcessIssuer:
    """`IssuerLine` to an issuer of this process, and `OrderDesk` of the same."""

    def __init__(self, issuer: Issuer, clock: Clock, entropy: Entropy) -> None:
        self.issuer = issuer
        self._clock = clock
        self._entropy = entropy
        self.files: dict[str, bytes] = {}
        """Static files by path: epochs and their buckets."""

    def submit(self, signed_order: bytes) -> None:
        self.issuer.accept_order(signed_order, now=self._clock())

    def declare(self, signed_standing: bytes) -> bool:
        receipt = self.issuer.accept_standing(signed_standing, now=self._clock(), entropy=self._entropy)
        return receipt.standing.is_in_force

    def fetch(self, url: str) -> Answer:
        path = url.removeprefix(self.issuer.url)
        if path in self.files:
            return self._yes(self.files[path], JSON)
        if "/oauth-authorization-server" in url:
            return self._answer(lambda: self.issuer.authorization_server_metadata().encode())
        return self._answer(lambda: self.issuer.metadata().encode())

    def fetch_file(self, url: str) -> Answer:
        found = self.files.get(url.removeprefix(self.issuer.url))
        return self._yes(found, "application/octet-stream") if found is not None else Answer(404, JSON, b"{}")

    def ask_token(self, url: str, form: bytes, *, dpop: str) -> Answer:
        self._expect(url, TOKENS_PATH)
        return self._answer(
            lambda: self.issuer.issue_tokens(
                parse_token_request(form), dpop=dpop, now=self._clock(), entropy=self._entropy
            ).encode()
        )

    def ask_nonce(self, url: str) -> Answer:
        self._expect(url, NONCES_PATH)
        return self._answer(lambda: self.issuer.c_nonce(now=self._clock(), entropy=self._entropy).encode())

    def ask_credential(self, url: str, body: bytes, *, media_type: str, access_token: Secret, dpop: str) -> Answer:
        self._expect(url, CREDENTIALS_PATH)
        try:
            request = self.issuer.read_request(
                body, is_encrypted=media_type == credential.ENCRYPTED_MEDIA_TYPE, now=self._clock()
            )
            response = self.issuer.issue_credentials(
                request, access_token=access_token, dpop=dpop, now=self._clock(), entropy=self._entropy
            )
        except DiptychError as error:
            return self._no(error)
        if request.response_encryption is None:
            return self._yes(response.encode(), JSON)
        return self._yes(
            credential.encrypt_response(response, request.response_encryption), credential.ENCRYPTED_MEDIA_TYPE
        )

    def _expect(self, url: str, path: str) -> None:
        if url != self.issuer.url + path:
            raise Unavailable("in_process.url", "nobody is there")

    def _answer(self, act: Callable[[], bytes]) -> Answer:
        try:
            return self._yes(act(), JSON)
        except DiptychError as error:
            return self._no(error)

    def _yes(self, body: bytes, media_type: str) -> Answer:
        return Answer(200, media_type, body, self._dpop_nonce())

    def _no(self, error: DiptychError) -> Answer:
        return Answer(_status(error), JSON, ErrorResponse(error.code or error.check, None).encode(), self._dpop_nonce())

    def _dpop_nonce(self) -> str:
        return self.issuer.dpop_nonce(now=self._clock(), entropy=self._entropy)


class InProcessStatusLists:
    """`StatusSource` of wallets and verifiers, to an issuer of this process, which publishes when it is time."""

    def __init__(self, issuer: Issuer, clock: Clock) -> None:
        self.issuer = issuer
        self._clock = clock

    def fetch(self, uri: str) -> UnverifiedStatusListToken:
        prefix, _, number = uri.rpartition("/")
        if prefix != self.issuer.url + LISTS_PATH or not number.isdecimal():
            raise Unavailable("in_process.url", "nobody is there")
        self.issuer.publish_status_lists(now=self._clock())
        return token.parse_cwt(self.issuer.status_list(int(number), media_type=token.CWT_MEDIA_TYPE))


class InProcessVerifier:
    """`VerifierLine` to a verifier of this process."""

    def __init__(self, verifier: Verifier, clock: Clock) -> None:
        self.verifier = verifier
        self._clock = clock

    def fetch_request(self, url: str, form: bytes) -> Answer:
        try:
            request = self.verifier.serve_request(_last(url), form, now=self._clock())
        except DiptychError as error:
            return _refusal(error)
        return Answer(200, request_object.MEDIA_TYPE, request.encode("ascii"))

    def send_response(self, url: str, form: bytes) -> Answer:
        try:
            return Answer(200, JSON, encode_receipt(self.verifier.take_answer(_last(url), form, now=self._clock())))
        except DiptychError as error:
            return _refusal(error)


def _refusal(error: DiptychError) -> Answer:
    return Answer(_status(error), JSON, ErrorResponse(error.code or error.check, None).encode())


def _status(error: DiptychError) -> int:
    if isinstance(error, Unavailable):
        return 503
    return 401 if error.code == NOT_AUTHORIZED else 400


def _last(url: str) -> str:
    return url.rpartition("/")[2]
