"""One conversation with an issuer (OpenID4VCI 1.0): metadata, tokens, nonces, documents.

Speaks and reads answers; keeps nothing but the DPoP nonce of the moment. What to store before each sentence is left
to `receiving`, whether the documents are true to `receipt`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import Signer, generate_signer
from diptych.errors import DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.private import Secret
from diptych.protocols.oauth import dpop
from diptych.protocols.oauth.errors import (
    INVALID_DPOP_PROOF,
    INVALID_GRANT,
    NOT_AUTHORIZED,
    USE_DPOP_NONCE,
    parse_error,
)
from diptych.protocols.oauth.metadata import WELL_KNOWN as SERVER_WELL_KNOWN
from diptych.protocols.oauth.metadata import parse_authorization_server_metadata
from diptych.protocols.oauth.token import TokenResponse, parse_token_response
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vci import credential
from diptych.protocols.openid4vci.credential import CredentialRequest, CredentialResponse, ResponseEncryption
from diptych.protocols.openid4vci.errors import CREDENTIAL_REQUEST_DENIED, INVALID_NONCE, INVALID_PROOF
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.protocols.openid4vci.metadata import WELL_KNOWN as ISSUER_WELL_KNOWN
from diptych.protocols.openid4vci.metadata import IssuerMetadata, parse_issuer_metadata
from diptych.protocols.openid4vci.nonce import parse_nonce_response
from diptych.protocols.openid4vci.token import TokenRequest
from diptych.roles.wallet.ports import Answer, IssuerLine

OK = 200
TRY_LATER = frozenset({408, 425, 429})
RESPONSE_KEY_ID = "answer"

# What is said to the person. The issuer's own words are not repeated: nobody has checked what is in them.
SENTENCES = {
    INVALID_GRANT: (
        "the issuer does not accept this code, or no longer: check the transaction code. An offer serves one wallet: if"
        " another wallet took this one, ask for an offer of its own for this one"
    ),
    NOT_AUTHORIZED: "the issuer no longer accepts this wallet's access",
    CREDENTIAL_REQUEST_DENIED: "the issuer does not give this document under this offer: ask for a new one",
    INVALID_DPOP_PROOF: "the issuer does not accept this wallet's proof of its key: check this device's clock",
    INVALID_PROOF: "the issuer does not accept this wallet's proofs of its keys: check this device's clock",
    INVALID_NONCE: "the issuer did not accept its own challenge",
}


@dataclass(frozen=True)
class KnownIssuer:
    """An issuer whose metadata was read, and where it gives tokens."""

    metadata: IssuerMetadata
    token_endpoint: str


def find_issuer(line: IssuerLine, issuer: str) -> KnownIssuer:
    """The issuer at that URL, in its own words (12.2.2); `Unavailable` if it does not answer."""
    answer = _expect_ok(line.fetch(parse_url(issuer).well_known(ISSUER_WELL_KNOWN)))
    metadata = parse_issuer_metadata(answer.body, expected_issuer=issuer)
    server = metadata.authorization_server
    check_reach(issuer, server, metadata.credential_endpoint, metadata.nonce_endpoint)
    answer = _expect_ok(line.fetch(parse_url(server).well_known(SERVER_WELL_KNOWN)))
    token_endpoint = parse_authorization_server_metadata(answer.body, expected_issuer=server).token_endpoint
    check_reach(issuer, token_endpoint)
    return KnownIssuer(metadata, token_endpoint)


def check_reach(first: str, *others: str) -> None:
    """`Refused` if somebody out there (https) sends this wallet to a service of its own machine (http)."""
    if parse_url(first).scheme == "https" and any(parse_url(other).scheme != "https" for other in others):
        raise Refused("wallet.reach", "an address out there may not send this wallet to one on this machine")


class Conversation:
    """What is said to one issuer with one DPoP key."""

    def __init__(self, line: IssuerLine, issuer: KnownIssuer, dpop_signer: Signer, entropy: Entropy) -> None:
        self._line = line
        self._issuer = issuer
        self._dpop_signer = dpop_signer
        self._entropy = entropy
        self._dpop_nonce: str | None = None

    def ask_tokens(self, request: TokenRequest, *, now: datetime) -> TokenResponse:
        """Tokens for a code or refresh token. `Refused` with the standard's code if the issuer says no."""
        url = self._issuer.token_endpoint
        answer = self._with_dpop(
            lambda proof: self._line.ask_token(url, request.encode(), dpop=proof), url=url, now=now, access_token=None
        )
        return parse_token_response(_expect_ok(answer).body)

    def ask_documents(
        self, configuration_id: str, device_signers: Sequence[Signer], *, access_token: Secret, now: datetime
    ) -> CredentialResponse:
        """The documents, unverified, for these device keys. Both ways encrypted where the issuer offers it."""
        issuer = self._issuer.metadata.issuer

        def request(c_nonce: str) -> CredentialRequest:
            proofs = (build_key_proof(signer, issuer=issuer, c_nonce=c_nonce, now=now) for signer in device_signers)
            return CredentialRequest(configuration_id, tuple(proofs))

        return self._ask_with_nonce(request, access_token, now)

    def ask_proving(
        self, configuration_id: str, build_proof: Callable[[str], bytes], *, access_token: Secret, now: datetime
    ) -> CredentialResponse:
        """The fast suite's credential, unverified, on the commitment that `build_proof` proves under a nonce."""
        found = self._ask_with_nonce(
            lambda c_nonce: CredentialRequest(configuration_id, (), commitment_proof=build_proof(c_nonce)),
            access_token,
            now,
        )
        if len(found.credentials) != 1:
            raise VerificationError("wallet.copy_count", "the issuer sent more than the one credential asked for")
        return found

    def _ask_with_nonce(
        self, request: Callable[[str], CredentialRequest], access_token: Secret, now: datetime
    ) -> CredentialResponse:
        try:
            return self._ask(request, access_token, now)
        except Refused as error:
            if error.code != INVALID_NONCE:
                raise
            # 8.3.1.2: a nonce that has expired is asked for anew, once.
            return self._ask(request, access_token, now)

    def _ask(
        self, request: Callable[[str], CredentialRequest], access_token: Secret, now: datetime
    ) -> CredentialResponse:
        metadata = self._issuer.metadata
        answer = _expect_ok(self._line.ask_nonce(metadata.nonce_endpoint))
        asked = request(parse_nonce_response(answer.body).c_nonce)
        if metadata.request_encryption is None:
            return credential.parse_credential_response(
                self._ask_credential(asked.encode(), credential.MEDIA_TYPE, access_token, now).body
            )
        # 10: a fresh key for this one answer; if the answer is lost, so is the key, and both are made again.
        response_key = generate_signer()
        encryption = ResponseEncryption(response_key.public_key, kid=RESPONSE_KEY_ID)
        body = credential.encrypt_request(
            replace(asked, response_encryption=encryption),
            metadata.request_encryption.public_key,
            kid=metadata.request_encryption.kid,
        )
        answer = self._ask_credential(body, credential.ENCRYPTED_MEDIA_TYPE, access_token, now)
        if answer.media_type != credential.ENCRYPTED_MEDIA_TYPE:
            # 8.2: encryption was asked for; a plain answer is not taken in its place.
            raise VerificationError(
                "issuer.answer_plain", "the issuer answered in the clear what it offered to encrypt"
            )
        return credential.decrypt_response(answer.body, response_key.private_key(), now=now)

    def _ask_credential(self, body: bytes, media_type: str, access_token: Secret, now: datetime) -> Answer:
        url = self._issuer.metadata.credential_endpoint
        return _expect_ok(
            self._with_dpop(
                lambda proof: self._line.ask_credential(
                    url, body, media_type=media_type, access_token=access_token, dpop=proof
                ),
                url=url,
                now=now,
                access_token=access_token,
            )
        )

    def _with_dpop(
        self, ask: Callable[[str], Answer], *, url: str, now: datetime, access_token: Secret | None
    ) -> Answer:
        answer = ask(self._proof(url, now, access_token))
        self._dpop_nonce = answer.dpop_nonce or self._dpop_nonce
        if answer.status != OK and answer.dpop_nonce is not None and _code(answer) == USE_DPOP_NONCE:
            # RFC 9449 8: the server wants its nonce in the proof; once.
            answer = ask(self._proof(url, now, access_token))
            self._dpop_nonce = answer.dpop_nonce or self._dpop_nonce
        return answer

    def _proof(self, url: str, now: datetime, access_token: Secret | None) -> str:
        return dpop.build_proof(
            self._dpop_signer,
            htm="POST",
            htu=url,
            now=now,
            entropy=self._entropy,
            nonce=self._dpop_nonce,
            access_token=access_token,
        )


def expires_at(response: TokenResponse, now: datetime) -> datetime:
    """When the access token ends, as far as the issuer said."""
    return now.replace(microsecond=0) + timedelta(seconds=response.expires_in_seconds)


def _expect_ok(answer: Answer) -> Answer:
    if answer.status == OK:
        return answer
    raise _no(answer)


def _no(answer: Answer) -> DiptychError:
    if answer.status >= 500 or answer.status in TRY_LATER:
        return Unavailable("issuer.unavailable", "the issuer cannot answer now: try again later")
    code = _code(answer)
    if code is None:
        return FormatError("issuer.answer", f"the issuer answered {answer.status} and nothing that can be understood")
    if code not in SENTENCES:
        return Refused("issuer.refused", "the issuer does not accept what this wallet asks", code=form_safe(code))
    return Refused(f"issuer.{code}", SENTENCES[code], code=code)


def form_safe(code: str) -> str:
    """A peer's error code as far as it can be one: its letters, digits and underscores."""
    return "".join(
        character for character in code[:64] if character.isascii() and (character.isalnum() or character == "_")
    )


def _code(answer: Answer) -> str | None:
    try:
        return parse_error(answer.body).code
    except FormatError:
        return None
