"""URLs of issuers and their endpoints."""

import pytest

from diptych.errors import FormatError
from diptych.protocols.oauth.url import parse_url


@pytest.mark.parametrize(
    ("url", "well_known"),
    [
        ("https://issuer.example", "https://issuer.example/.well-known/x"),
        ("https://issuer.example/", "https://issuer.example/.well-known/x"),
        # OpenID4VCI 1.0, 12.2.2: inserted between host and path.
        ("https://issuer.example.com/tenant", "https://issuer.example.com/.well-known/x/tenant"),
        ("http://127.0.0.1:8101", "http://127.0.0.1:8101/.well-known/x"),
        ("http://[::1]:8101/a/b", "http://[::1]:8101/.well-known/x/a/b"),
    ],
)
def test_metadata_is_found_between_host_and_path(url: str, well_known: str) -> None:
    assert parse_url(url).well_known("x") == well_known


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://Issuer.Example/a", "https://issuer.example/a"),
        ("HTTPS://issuer.example:443", "https://issuer.example/"),
        ("http://localhost:80/", "http://localhost"),
    ],
)
def test_what_names_the_same_place_is_the_same_normalised(one: str, other: str) -> None:
    assert parse_url(one).normalized == parse_url(other).normalized


@pytest.mark.parametrize(
    "url",
    [
        "",
        "issuer.example",
        "ftp://issuer.example",
        "http://issuer.example",
        "http://127.0.0.1.evil.example",
        "https://user@issuer.example",
        "https://issuer.example?x=1",
        "https://issuer.example#x",
        "https://issuer.example:0",
        "https://issuer.example:65536",
        "https://",
        "https://issuer.example/a b",
        "https://issuer.example\n",
        "https://issuer.example/" + "a" * 2048,
        "http\u017f://issuer.example",  # a long s, which is an s where case is ignored
        "https://ban\u212a.example",  # the Kelvin sign, which is a k
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(FormatError):
        parse_url(url)
