"""Messages of issuance: arbitrary bytes are a value or a `FormatError`; what parses comes back as the same value.

JSON and forms may be written in several ways, so it is the value that must come back, and its encoding that is fixed.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret
from diptych.protocols.oauth.dpop import build_proof, verify_proof
from diptych.protocols.oauth.errors import ErrorResponse, parse_error
from diptych.protocols.oauth.form import encode_form, parse_form
from diptych.protocols.oauth.metadata import AuthorizationServerMetadata, parse_authorization_server_metadata
from diptych.protocols.oauth.token import TokenResponse, parse_token_response
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vci.credential import (
    CredentialRequest,
    CredentialResponse,
    ResponseEncryption,
    decrypt_request,
    encrypt_request,
    parse_credential_request,
    parse_credential_response,
)
from diptych.protocols.openid4vci.key_proof import build_key_proof, verify_key_proofs
from diptych.protocols.openid4vci.metadata import (
    ClaimDescription,
    CredentialConfiguration,
    IssuerMetadata,
    RequestEncryption,
    parse_issuer_metadata,
)
from diptych.protocols.openid4vci.nonce import NonceResponse, parse_nonce_response
from diptych.protocols.openid4vci.offer import CredentialOffer, TxCode, parse_offer
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest, parse_token_request
from tests.recording import recorded_batch

KEY = generate_signer()
NOW = datetime(2026, 6, 15, 9, 30, tzinfo=UTC)
ISSUER = "https://issuer.example"


class Message(Protocol):
    def encode(self) -> bytes: ...


class Parser:
    """A parser, and a valid message to damage."""

    def __init__(self, parse: Callable[[bytes], Message], valid: Message) -> None:
        self.parse = parse
        self.valid = valid.encode()


class OfferLink:
    """An offer as the bytes of its link."""

    def __init__(self, offer: CredentialOffer) -> None:
        self.offer = offer

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OfferLink) and self.offer == other.offer

    def __hash__(self) -> int:
        return 0

    def encode(self) -> bytes:
        return self.offer.link().encode()


def parse_link(data: bytes) -> OfferLink:
    return OfferLink(parse_offer(data.decode("utf-8", "replace")))


OFFER = CredentialOffer(ISSUER, ("a", "b"), Secret(b"code"), TxCode(6, "text", "é+"))
PARSERS = {
    "offer": Parser(
        parse_link, OfferLink(CredentialOffer(ISSUER, ("a", "b"), Secret(b"code"), TxCode(6, "text", "é+")))
    ),
    "token request": Parser(parse_token_request, PreAuthorizedTokenRequest(Secret(b"code"), Secret(b"123456"))),
    "token response": Parser(parse_token_response, TokenResponse(Secret(b"a"), 600, Secret(b"r"), ("x", "y"))),
    "error": Parser(parse_error, ErrorResponse("invalid_grant", "a sentence")),
    "credential request": Parser(
        parse_credential_request,
        CredentialRequest("a", ("x.y.z",), ResponseEncryption(KEY.public_key, "A256GCM", "kid")),
    ),
    "credential response": Parser(parse_credential_response, CredentialResponse((b"one", b"two"))),
    "credential response with a receipt": Parser(
        parse_credential_response, CredentialResponse((b"one",), recorded_batch(1))
    ),
    "nonce": Parser(parse_nonce_response, NonceResponse("nonce")),
    "issuer metadata": Parser(
        lambda data: parse_issuer_metadata(data, expected_issuer=ISSUER),
        IssuerMetadata(
            ISSUER,
            ISSUER + "/credential",
            ISSUER + "/nonce",
            30,
            {"a": CredentialConfiguration("t", "a", {"en": "A"}, (ClaimDescription(("n", "i"), {"fr": "I"}, True),))},
            {"en": "Utopia"},
            RequestEncryption(KEY.public_key, "kid"),
        ),
    ),
    "server metadata": Parser(
        lambda data: parse_authorization_server_metadata(data, expected_issuer=ISSUER),
        AuthorizationServerMetadata(ISSUER, ISSUER + "/token", ("x",)),
    ),
}
REFUSALS = (FormatError, VerificationError)  # the second: metadata of another issuer

MUTATIONS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), min_size=1, max_size=4)


def mutated(data: bytes, mutations: list[tuple[int, int]]) -> bytes:
    damaged = bytearray(data)
    for position, value in mutations:
        damaged[position % len(damaged)] = value
    return bytes(damaged)


def check(parser: Parser, data: bytes) -> None:
    try:
        value = parser.parse(data)
    except REFUSALS:
        return
    encoded = value.encode()
    again = parser.parse(encoded)
    assert again == value
    assert again.encode() == encoded


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.binary(max_size=300))
def test_arbitrary_bytes_are_a_value_or_refused(name: str, data: bytes) -> None:
    check(PARSERS[name], data)


@pytest.mark.parametrize("name", PARSERS)
@given(mutations=MUTATIONS)
def test_a_damaged_message_is_a_value_or_refused(name: str, mutations: list[tuple[int, int]]) -> None:
    check(PARSERS[name], mutated(PARSERS[name].valid, mutations))


@given(values=st.dictionaries(st.text(), st.text(), max_size=5))
def test_any_form_comes_back(values: dict[str, str]) -> None:
    assert parse_form(encode_form(values)) == values


@given(data=st.binary(max_size=200))
def test_any_form_body_is_a_form_or_refused(data: bytes) -> None:
    try:
        values = parse_form(data)
    except FormatError:
        return
    assert parse_form(encode_form(values)) == values


@given(text=st.one_of(st.text(max_size=80), st.from_regex(r"https?://[a-z.:0-9\[\]]{0,20}(/[a-z%.]{0,5}){0,3}")))
def test_any_url_is_kept_as_written_or_refused(text: str) -> None:
    try:
        url = parse_url(text)
    except FormatError:
        return
    assert url.text == text
    assert parse_url(url.normalized).normalized == url.normalized


PROOF = build_proof(KEY, htm="POST", htu=ISSUER + "/token", now=NOW, entropy=bytes, nonce="n")
KEY_PROOF = build_key_proof(KEY, issuer=ISSUER, c_nonce="n", now=NOW)


def outcome(act: Callable[[], object]) -> str | None:
    """The standard's code of a refusal, "" where it has none; None if there was no refusal."""
    try:
        act()
    except REFUSALS as error:
        return error.code or ""
    return None


def check_dpop(proof: str) -> None:
    code = outcome(
        lambda: verify_proof(proof, expected_htm="POST", expected_htu=ISSUER + "/token", check_nonce=None, now=NOW)
    )
    # Nobody but the key's holder makes another proof that holds.
    assert code == (None if proof == PROOF else "invalid_dpop_proof")


def check_key_proof(proof: str) -> None:
    code = outcome(lambda: verify_key_proofs([proof], expected_issuer=ISSUER, check_nonce=lambda nonce: None, now=NOW))
    assert code == (None if proof == KEY_PROOF else "invalid_proof")


@given(text=st.one_of(st.text(max_size=200), st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}")))
def test_any_text_is_no_proof(text: str) -> None:
    check_dpop(text)
    check_key_proof(text)


@given(mutations=MUTATIONS)
def test_a_damaged_proof_is_refused(mutations: list[tuple[int, int]]) -> None:
    check_dpop(mutated(PROOF.encode(), mutations).decode("latin-1"))
    check_key_proof(mutated(KEY_PROOF.encode(), mutations).decode("latin-1"))


ENCRYPTED = encrypt_request(CredentialRequest("a", ("x.y.z",)), KEY.public_key, kid="kid")


@given(data=st.one_of(st.binary(max_size=200), MUTATIONS.map(lambda mutations: mutated(ENCRYPTED, mutations))))
def test_a_damaged_encrypted_request_is_refused(data: bytes) -> None:
    code = outcome(lambda: decrypt_request(data, KEY.private_key(), now=NOW))
    assert code == (None if data == ENCRYPTED else "invalid_encryption_parameters")
