"""The transcript of OpenID4VP by redirects is the published one, and each of its inputs is in it."""

import json

import pytest

from diptych.errors import FormatError
from diptych.formats.jose import jwk
from diptych.formats.mdoc.session_transcript import openid4vp_redirect
from tests.vectors_folder import published

VECTOR = json.loads(published("openid4vp/redirect-handover.json").read_text())
INPUTS = {
    "client_id": VECTOR["client_id"],
    "nonce": VECTOR["nonce"],
    "jwk_thumbprint": jwk.thumbprint(jwk.parse(VECTOR["encryption_jwk"])),
    "response_uri": VECTOR["response_uri"],
}


def test_the_published_redirect_transcript_is_ours() -> None:
    assert openid4vp_redirect(**INPUTS).hex() == VECTOR["session_transcript"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "x509_san_dns:example.org"),
        ("nonce", ""),
        ("jwk_thumbprint", bytes(32)),
        ("jwk_thumbprint", None),
        ("response_uri", "https://example.com/other"),
    ],
)
def test_another_input_is_another_transcript(name: str, value: object) -> None:
    assert openid4vp_redirect(**{**INPUTS, name: value}).hex() != VECTOR["session_transcript"]


def test_a_thumbprint_of_another_length_is_refused() -> None:
    with pytest.raises(FormatError, match=r"mdoc\.transcript"):
        openid4vp_redirect(**{**INPUTS, "jwk_thumbprint": bytes(20)})
