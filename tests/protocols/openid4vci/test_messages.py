"""Token requests, credential requests and responses, nonces, issuer metadata."""

import json
from datetime import UTC, datetime

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, VerificationError
from diptych.formats.jose import jwe
from diptych.private import Secret
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.oauth.token import RefreshTokenRequest
from diptych.protocols.openid4vci.credential import (
    MAX_REQUEST_BYTES,
    CredentialRequest,
    CredentialResponse,
    ResponseEncryption,
    decrypt_request,
    decrypt_response,
    encrypt_request,
    encrypt_response,
    parse_credential_request,
    parse_credential_response,
)
from diptych.protocols.openid4vci.metadata import (
    ClaimDescription,
    CredentialConfiguration,
    IssuerMetadata,
    RequestEncryption,
    parse_issuer_metadata,
)
from diptych.protocols.openid4vci.nonce import NonceResponse, parse_nonce_response
from diptych.protocols.openid4vci.offer import GRANT_PRE_AUTHORIZED
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest, parse_token_request

NOW = datetime(2026, 6, 15, tzinfo=UTC)
KEY = generate_signer()
REQUEST = CredentialRequest("driving-licence", ("a.b.c", "d.e.f"))
ENCRYPTED = CredentialRequest("driving-licence", ("a.b.c",), ResponseEncryption(KEY.public_key, "A128GCM", "key 1"))
MEMBERS = {"credential_configuration_id": "driving-licence", "proofs": {"jwt": ["a.b.c"]}}


@pytest.mark.parametrize(
    "request_",
    [
        PreAuthorizedTokenRequest(Secret(b"code"), Secret(b"123456")),
        PreAuthorizedTokenRequest(Secret(b"code"), Secret("mot à mot".encode())),
        PreAuthorizedTokenRequest(Secret(b"code"), None),
        RefreshTokenRequest(Secret(b"refresh")),
    ],
)
def test_a_token_request_comes_back_as_it_was(request_: PreAuthorizedTokenRequest | RefreshTokenRequest) -> None:
    assert parse_token_request(request_.encode()) == request_


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": GRANT_PRE_AUTHORIZED}, "invalid_request"),
        ({"grant_type": GRANT_PRE_AUTHORIZED, "pre-authorized_code": "é"}, "invalid_request"),
        ({"grant_type": GRANT_PRE_AUTHORIZED, "pre-authorized_code": "x" * 5000}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        (
            {"grant_type": GRANT_PRE_AUTHORIZED, "pre-authorized_code": "x", "authorization_details": "[]"},
            "invalid_authorization_details",
        ),
    ],
)
def test_other_token_requests_are_refused_with_the_standards_code(parameters: dict[str, str], code: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_token_request(encode_form(parameters))
    assert caught.value.code == code


@pytest.mark.parametrize("body", [b"grant_type=a&grant_type=b", b"\xff", b"x", b"x=" + b"y" * 20_000])
def test_a_form_that_is_none_is_an_invalid_request(body: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse_token_request(body)
    assert caught.value.code == "invalid_request"


@pytest.mark.parametrize("request_", [REQUEST, ENCRYPTED])
def test_a_credential_request_comes_back_as_it_was(request_: CredentialRequest) -> None:
    assert parse_credential_request(request_.encode()) == request_


def test_an_encrypted_credential_request_comes_back_as_it_was() -> None:
    body = encrypt_request(ENCRYPTED, KEY.public_key, kid="issuer key")
    assert jwe.header(body.decode())["kid"] == "issuer key"
    assert decrypt_request(body, KEY.private_key(), now=NOW) == ENCRYPTED


@pytest.mark.parametrize("body", [b"", b"a.b.c.d.e", b"\xff"])
def test_an_encrypted_request_that_does_not_open_is_refused(body: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decrypt_request(body, KEY.private_key(), now=NOW)
    assert caught.value.code == "invalid_encryption_parameters"


def test_a_request_encrypted_to_another_key_is_refused() -> None:
    body = encrypt_request(REQUEST, generate_signer().public_key, kid="x")
    with pytest.raises(FormatError) as caught:
        decrypt_request(body, KEY.private_key(), now=NOW)
    assert caught.value.code == "invalid_encryption_parameters"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"proofs": {"jwt": ["a"]}}, "invalid_credential_request"),
        ({**MEMBERS, "credential_configuration_id": 1}, "invalid_credential_request"),
        ({**MEMBERS, "credential_identifier": "x"}, "unknown_credential_identifier"),
        ({"credential_configuration_id": "x"}, "invalid_proof"),
        ({**MEMBERS, "proofs": {}}, "invalid_proof"),
        ({**MEMBERS, "proofs": []}, "invalid_proof"),
        ({**MEMBERS, "proofs": {"jwt": []}}, "invalid_proof"),
        ({**MEMBERS, "proofs": {"jwt": "a.b.c"}}, "invalid_proof"),
        ({**MEMBERS, "proofs": {"jwt": [1]}}, "invalid_proof"),
        ({**MEMBERS, "proofs": {"jwt": ["a"], "di_vp": [{}]}}, "invalid_proof"),
        ({**MEMBERS, "proofs": {"attestation": ["a"]}}, "invalid_proof"),
        ({**MEMBERS, "credential_response_encryption": 1}, "invalid_encryption_parameters"),
        ({**MEMBERS, "credential_response_encryption": {}}, "invalid_encryption_parameters"),
        ({**MEMBERS, "credential_response_encryption": {"jwk": {}, "enc": "A256GCM"}}, "invalid_encryption_parameters"),
    ],
)
def test_other_credential_requests_are_refused_with_the_standards_code(members: object, code: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_credential_request(json.dumps(members).encode())
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("changed", "value"), [("enc", "A256CBC-HS512"), ("enc", None), ("zip", "DEF"), ("alg", "RSA")]
)
def test_other_response_encryption_is_refused(changed: str, value: object) -> None:
    members = json.loads(ENCRYPTED.encode())
    parameters = members["credential_response_encryption"]
    (parameters["jwk"] if changed == "alg" else parameters)[changed] = value
    with pytest.raises(FormatError) as caught:
        parse_credential_request(json.dumps(members).encode())
    assert caught.value.code == "invalid_encryption_parameters"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b" " * (MAX_REQUEST_BYTES + 1)])
def test_nonsense_is_an_invalid_credential_request(body: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        parse_credential_request(body)
    assert caught.value.code == "invalid_credential_request"


def test_a_credential_response_comes_back_as_it_was_in_clear_and_encrypted() -> None:
    response = CredentialResponse((b"one", b"two"))
    assert parse_credential_response(response.encode()) == response
    assert ENCRYPTED.response_encryption is not None
    body = encrypt_response(response, ENCRYPTED.response_encryption)
    # OpenID4VCI 1.0, 10: alg, enc and kid are those that were asked for.
    assert {name: jwe.header(body.decode())[name] for name in ("alg", "enc", "kid")} == {
        "alg": "ECDH-ES",
        "enc": "A128GCM",
        "kid": "key 1",
    }
    assert decrypt_response(body, KEY.private_key(), now=NOW) == response
    with pytest.raises(VerificationError):
        decrypt_response(body, generate_signer().private_key(), now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"credentials":[]}',
        b'{"credentials":["x"]}',
        b'{"credentials":[{}]}',
        b'{"credentials":[{"credential":"="}]}',
        b'{"transaction_id":"x","interval":5}',
    ],
)
def test_other_credential_responses_are_refused(body: bytes) -> None:
    with pytest.raises(FormatError):
        parse_credential_response(body)


def test_a_nonce_comes_back_as_it_was() -> None:
    assert parse_nonce_response(NonceResponse("nonce").encode()) == NonceResponse("nonce")
    for body in (b"{}", b'{"c_nonce":""}', b'{"c_nonce":1}', b" " * 5000):
        with pytest.raises(FormatError):
            parse_nonce_response(body)


METADATA = IssuerMetadata(
    issuer="https://issuer.example",
    credential_endpoint="https://issuer.example/credential",
    nonce_endpoint="https://issuer.example/nonce",
    batch_size=30,
    configurations={
        "driving-licence": CredentialConfiguration(
            "org.iso.18013.5.1.mDL",
            "driving-licence",
            {"en": "Driving licence", "fr": "Permis de conduire"},
            (ClaimDescription(("org.iso.18013.5.1", "family_name"), {"en": "Family name", "fr": "Nom"}, True),),
        )
    },
    names={"en": "Utopia", "fr": "Utopie"},
    request_encryption=RequestEncryption(KEY.public_key, "key 1"),
)


def test_issuer_metadata_comes_back_as_it_was_and_only_from_its_issuer() -> None:
    assert parse_issuer_metadata(METADATA.encode(), expected_issuer=METADATA.issuer) == METADATA
    assert METADATA.authorization_server == METADATA.issuer
    with pytest.raises(VerificationError, match=r"metadata\.issuer"):
        parse_issuer_metadata(METADATA.encode(), expected_issuer="https://issuer.example/")


def test_the_standards_example_of_an_mdoc_is_understood() -> None:
    # OpenID4VCI 1.0, appendix A.2.2, with the members that an issuer adds around it.
    members = {
        "credential_issuer": "https://issuer.example",
        "credential_endpoint": "https://issuer.example/credential",
        "nonce_endpoint": "https://issuer.example/nonce",
        "credential_configurations_supported": {
            "org.iso.18013.5.1.mDL": {
                "format": "mso_mdoc",
                "doctype": "org.iso.18013.5.1.mDL",
                "cryptographic_binding_methods_supported": ["cose_key"],
                "credential_signing_alg_values_supported": [-7, -9],
                "credential_metadata": {
                    "display": [
                        {
                            "name": "Mobile Driving License",
                            "locale": "en-US",
                            "logo": {"uri": "https://state.example.org/public/mdl.png", "alt_text": "a licence"},
                            "background_color": "#12107c",
                        }
                    ],
                    "claims": [
                        {
                            "path": ["org.iso.18013.5.1", "given_name"],
                            "display": [{"name": "Given Name", "locale": "en-US"}, {"name": "名前", "locale": "ja-JP"}],
                        },
                        {"path": ["org.iso.18013.5.1", "birth_date"], "mandatory": True},
                        {"path": ["org.iso.18013.5.1.aamva", "organ_donor"]},
                    ],
                },
            },
            "something else": {"format": "jwt_vc_json"},
        },
    }
    found = parse_issuer_metadata(json.dumps(members).encode(), expected_issuer="https://issuer.example")
    assert list(found.configurations) == ["org.iso.18013.5.1.mDL"]
    licence = found.configurations["org.iso.18013.5.1.mDL"]
    assert licence.names == {"en-US": "Mobile Driving License"}
    assert [claim.is_mandatory for claim in licence.claims] == [False, True, False]
    assert found.batch_size == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("credential_endpoint", "http://issuer.example/credential"),
        ("nonce_endpoint", None),
        ("batch_credential_issuance", {"batch_size": 1}),
        ("batch_credential_issuance", 3),
        ("credential_configurations_supported", []),
        ("authorization_servers", [1]),
        ("display", "x"),
        ("credential_request_encryption", {"jwks": []}),
    ],
)
def test_other_metadata_is_refused(name: str, value: object) -> None:
    members = {**json.loads(METADATA.encode()), name: value}
    with pytest.raises(FormatError):
        parse_issuer_metadata(json.dumps(members).encode(), expected_issuer=METADATA.issuer)
