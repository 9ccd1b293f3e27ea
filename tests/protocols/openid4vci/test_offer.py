"""Credential offers."""

import json

import pytest

from diptych.errors import FormatError
from diptych.private import Secret
from diptych.protocols.oauth.form import percent_encode
from diptych.protocols.openid4vci.offer import GRANT_PRE_AUTHORIZED, CredentialOffer, TxCode, parse_offer

OFFER = CredentialOffer("https://issuer.example", ("driving-licence", "proof-of-age"), Secret(b"code"), TxCode(6))
GRANT = {"pre-authorized_code": "code", "tx_code": {}}
MEMBERS = {
    "credential_issuer": "https://issuer.example",
    "credential_configuration_ids": ["driving-licence"],
    "grants": {GRANT_PRE_AUTHORIZED: GRANT},
}


def link(members: object) -> str:
    return "openid-credential-offer://?credential_offer=" + percent_encode(json.dumps(members))


def with_grant(**changed: object) -> dict[str, object]:
    return {**MEMBERS, "grants": {GRANT_PRE_AUTHORIZED: {**GRANT, **changed}}}


@pytest.mark.parametrize(
    "tx_code", [None, TxCode(), TxCode(6), TxCode(8, "text", "Demandez-le au guichet : « ici » & là +")]
)
def test_an_offer_comes_back_as_it_was(tx_code: TxCode | None) -> None:
    offer = CredentialOffer(OFFER.issuer, OFFER.configuration_ids, OFFER.code, tx_code)
    assert parse_offer(offer.link()) == offer


def test_an_offer_does_not_show_its_code() -> None:
    assert "code'" not in repr(OFFER)
    assert "<secret>" in repr(OFFER)


def test_the_standards_example_is_understood() -> None:
    # OpenID4VCI 1.0, 4.1.2: an empty tx_code object still asks for a transaction code.
    text = (
        "openid-credential-offer://?credential_offer=%7B%22credential_issuer%22:%22https://credential-issuer.exam"
        "ple.com%22,%22credential_configuration_ids%22:%5B%22UniversityDegree_JWT%22,%22org.iso.18013.5.1.mDL%22%5D,"
        "%22grants%22:%7B%22urn:ietf:params:oauth:grant-type:pre-authorized_code%22:%7B%22pre-authorized_code%22:"
        "%22oaKazRN8I0IbtZ0C7JuMn5%22,%22tx_code%22:%7B%7D%7D%7D%7D"
    )
    assert parse_offer(text) == CredentialOffer(
        "https://credential-issuer.example.com",
        ("UniversityDegree_JWT", "org.iso.18013.5.1.mDL"),
        Secret(b"oaKazRN8I0IbtZ0C7JuMn5"),
        TxCode(),
    )


def test_the_scheme_of_haip_and_unknown_members_are_understood() -> None:
    members = {**MEMBERS, "more": 1, "grants": {**MEMBERS["grants"], "authorization_code": {}}}
    assert parse_offer(link(members).replace("openid-credential-offer", "haip-vci")).code == Secret(b"code")


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("https://issuer.example?credential_offer=%7B%7D", "offer.scheme"),
        ("openid-credential-offer://", "offer.link"),
        ("openid-credential-offer://host?credential_offer=%7B%7D", "offer.link"),
        ("openid-credential-offer://?x=1", "offer.missing"),
        ("openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fa.example", "offer.by_reference"),
        ("openid-credential-offer://?credential_offer=x", "json"),
        ("openid-credential-offer://?credential_offer=" + "x" * 9000, "offer.size"),
        (link([]), "json.object"),
        (link({**MEMBERS, "credential_issuer": "http://issuer.example"}), "url.scheme"),
        (link({**MEMBERS, "credential_configuration_ids": []}), "offer.configurations"),
        (link({**MEMBERS, "credential_configuration_ids": ["a", "a"]}), "offer.configurations"),
        (link({**MEMBERS, "credential_configuration_ids": ["a", 1]}), "offer.configurations"),
        (link({**MEMBERS, "grants": {}}), "offer.grant"),
        (link({**MEMBERS, "grants": {"authorization_code": {}}}), "offer.grant"),
        (link(with_grant(**{"pre-authorized_code": ""})), "offer.code"),
        (link(with_grant(**{"pre-authorized_code": "é"})), "offer.code"),
        (link(with_grant(**{"pre-authorized_code": "a\nb"})), "offer.code"),
        (link(with_grant(**{"pre-authorized_code": "x" * 513})), "offer.code"),
        (link(with_grant(tx_code=None)), "offer.tx_code"),
        (link(with_grant(tx_code={"length": 0})), "offer.tx_code.length"),
        (link(with_grant(tx_code={"length": "6"})), "offer.tx_code.length"),
        (link(with_grant(tx_code={"length": True})), "offer.tx_code.length"),
        (link(with_grant(tx_code={"input_mode": "voice"})), "offer.tx_code.input_mode"),
        (link(with_grant(tx_code={"input_mode": []})), "offer.tx_code.input_mode"),
        (link(with_grant(tx_code={"description": "x" * 301})), "offer.tx_code.description"),
    ],
)
def test_other_offers_are_refused_by_name(text: str, check: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_offer(text)
    assert caught.value.check == check
