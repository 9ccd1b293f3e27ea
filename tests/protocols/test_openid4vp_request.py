"""A wallet learns who asks, what for and what, and refuses every request that is not wholly so."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import DiptychError, FormatError, Refused, VerificationError
from diptych.formats import base64url
from diptych.formats.jose import jws
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import registration, request_object, zk
from diptych.protocols.openid4vp.dcql import ClaimQuery, CredentialQuery, MdocMeta, Query
from diptych.protocols.openid4vp.registration import LocalizedText, Registration, VerifierTrust
from diptych.protocols.openid4vp.request_object import RequestLink, VerifiedRequest
from tests.protocols import openid4vp_parties as parties
from tests.protocols.openid4vp_parties import AV, CLIENT_ID, LEAF, NOW, TRUST, VERIFIER, WALLET_NONCE


def verify(compact: str, **changes: Any) -> VerifiedRequest:
    expected: dict[str, Any] = {
        "expected_client_id": CLIENT_ID,
        "expected_wallet_nonce": WALLET_NONCE,
        "trust": TRUST,
        "now": NOW,
    }
    return request_object.verify(compact, **(expected | changes))


def refused(compact: str, check: str, **changes: Any) -> None:
    with pytest.raises(DiptychError) as error:
        verify(compact, **changes)
    assert error.value.check == check


def test_the_wallet_learns_who_asks_what_for_and_what() -> None:
    found = verify(parties.signed())
    assert (found.verifier.name, found.verifier.country) == ("Café Utopia", "UT")
    assert found.purpose == LocalizedText("To sell alcohol", "Pour vendre de l’alcool")
    assert found.query == parties.QUERY
    assert found.request == parties.request()
    assert found.transcript() == parties.request().transcript()


def test_the_request_object_holds_what_the_profile_asks_for() -> None:
    unverified = jws.parse(parties.signed(), expected_typ="oauth-authz-req+jwt")
    assert unverified.header["x5c"] == [base64.b64encode(LEAF).decode()]  # HAIP 1.0, 5: no root in it
    claims = json.loads(unverified.unverified_payload)
    assert claims["aud"] == "https://self-issued.me/v2"
    assert (claims["response_type"], claims["response_mode"]) == ("vp_token", "direct_post.jwt")
    assert claims["client_id"].startswith("x509_hash:")
    metadata = claims["client_metadata"]
    assert metadata["encrypted_response_enc_values_supported"] == ["A256GCM", "A128GCM"]
    assert set(metadata["vp_formats_supported"]) == {"mso_mdoc", "mso_mdoc_zk"}
    (key,) = metadata["jwks"]["keys"]
    assert (key["use"], key["alg"], key["kid"]) == ("enc", "ECDH-ES", "kid-1")


def test_the_same_link_serves_both_devices() -> None:
    link = RequestLink(CLIENT_ID, "https://verifier.example/requests/1")
    assert link.encode().startswith("openid4vp://?client_id=x509_hash%3A")
    assert link.encode().endswith("&request_uri_method=post")
    assert request_object.parse_link(link.encode()) == link
    assert request_object.parse_link(link.encode().replace("openid4vp", "haip-vp", 1)) == link


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (("openid4vp://", "https://"), "request.link"),
        (("?", "#"), "request.link"),
        (("openid4vp://", "openid4vp://host"), "request.link"),
        (("x509_hash", "redirect_uri"), "request.client_id"),
        (("=post", "=get"), "request.uri_method"),
        (("&request_uri_method=post", ""), "request.uri_method"),
        (("https%3A", "http%3A"), "url.scheme"),
        (("https%3A", "ftp%3A"), "url"),
        (("client_id=", "client_id=x509_hash%3Aa&client_id="), "form.repeated"),
        (("openid4vp", "openid4vp" + "p" * 5000), "request.link_size"),
    ],
)
def test_a_damaged_link_is_refused_by_name(change: tuple[str, str], check: str) -> None:
    link = RequestLink(CLIENT_ID, "https://verifier.example/requests/1").encode()
    with pytest.raises(FormatError) as error:
        request_object.parse_link(link.replace(*change, 1))
    assert error.value.check == check


# Every field flipped, without the signer ---------------------------------------------------------------------------


def fields() -> list[tuple[str, ...]]:
    """The path of every leaf of the signed claims."""
    found: list[tuple[str, ...]] = []

    def walk(node: Any, path: tuple[str, ...]) -> None:
        if isinstance(node, dict) and node:
            for name, child in node.items():
                walk(child, (*path, name))
        elif isinstance(node, list) and node:
            for position, child in enumerate(node):
                walk(child, (*path, str(position)))
        else:
            found.append(path)

    walk(request_object.encode(parties.request()), ())
    return found


def changed(node: Any, path: tuple[str, ...]) -> Any:
    name: Any = int(path[0]) if isinstance(node, list) else path[0]
    if len(path) > 1:
        changed(node[name], path[1:])
    elif isinstance(node[name], bool):
        node[name] = not node[name]
    elif isinstance(node[name], int):
        node[name] += 1
    elif isinstance(node[name], str):
        node[name] = node[name][:-1] + ("A" if node[name][-1] != "A" else "B")
    else:
        node[name] = "changed"
    return node


@pytest.mark.parametrize("path", fields(), ids=".".join)
def test_a_claim_changed_after_signing_is_refused(path: tuple[str, ...]) -> None:
    header, payload, signature = parties.signed().split(".")
    claims = changed(json.loads(base64url.decode(payload)), path)
    refused(".".join([header, base64url.encode(json.dumps(claims).encode()), signature]), "jws.signature")


@pytest.mark.parametrize("part", range(3))
def test_every_flipped_byte_of_the_request_object_is_refused(part: int) -> None:
    parts = parties.signed().split(".")
    raw = base64url.decode(parts[part])
    for position in range(0, len(raw), 1 if len(raw) < 100 else 37):
        damaged = bytearray(raw)
        damaged[position] ^= 1
        with pytest.raises((FormatError, VerificationError)):
            verify(".".join([*parts[:part], base64url.encode(bytes(damaged)), *parts[part + 1 :]]))


# Wrong, though rightly signed --------------------------------------------------------------------------------------


def resigned(change: Callable[[dict[str, Any]], object]) -> str:
    claims: dict[str, Any] = json.loads(json.dumps(request_object.encode(parties.request())))
    change(claims)
    header = {"x5c": [base64.b64encode(LEAF).decode()]}
    return jws.sign(claims, signer=VERIFIER, typ=request_object.TYP, header=header)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda c: c.update(client_id="x509_hash:other"), "request.client_id"),
        (lambda c: c.update(aud="https://wallet.example"), "request.aud"),
        (lambda c: c.pop("aud"), "request.aud"),
        (lambda c: c.update(response_type="id_token"), "request.response_type"),
        (lambda c: c.update(response_mode="direct_post"), "request.response_mode"),
        (lambda c: c.update(redirect_uri="https://verifier.example"), "request.redirect_uri"),
        (lambda c: c.update(scope="pid"), "request.scope"),
        (lambda c: c.update(transaction_data=["e30"]), "request.transaction_data"),
        (lambda c: c.update(response_uri="http://verifier.example/r"), "url.scheme"),
        (lambda c: c.pop("response_uri"), "request.response_uri"),
        (lambda c: c.pop("nonce"), "request.nonce"),
        (lambda c: c.update(nonce=""), "request.nonce"),
        (lambda c: c.update(nonce="a b"), "request.nonce"),
        (lambda c: c.update(state="a&b"), "request.state"),
        (lambda c: c.pop("wallet_nonce"), "request.wallet_nonce"),
        (lambda c: c.update(wallet_nonce="another"), "request.wallet_nonce"),
        (lambda c: c.pop("dcql_query"), "dcql.dcql_query"),
        (lambda c: c.pop("client_metadata"), "request.client_metadata"),
        (lambda c: c["client_metadata"].update(jwks={"keys": []}), "request.jwks"),
        (lambda c: c["client_metadata"].update(jwks=[]), "request.jwks"),
        (lambda c: c["client_metadata"]["jwks"].update(keys=c["client_metadata"]["jwks"]["keys"] * 9), "request.jwks"),
        (lambda c: c["client_metadata"]["jwks"]["keys"][0].update(alg="RSA-OAEP"), "request.jwks"),
        (lambda c: c["client_metadata"]["jwks"]["keys"][0].update(use="sig"), "request.jwks"),
        (lambda c: c["client_metadata"]["jwks"]["keys"][0].pop("kid"), "request.kid"),
        (lambda c: c["client_metadata"]["jwks"]["keys"][0].update(d="AA"), "jwk.private"),
        (
            lambda c: c["client_metadata"].update(encrypted_response_enc_values_supported=["A128CBC-HS256"]),
            "request.encryptions",
        ),
        (lambda c: c.update(iat=c["iat"] + 200), "request.issued"),
        (lambda c: c.update(exp=c["iat"] - 200), "request.expired"),
        (lambda c: c.update(iat=-1), "json.iat"),
        (lambda c: c.update(exp=10**30), "json.exp"),
        (lambda c: c.pop("verifier_info"), "registration.missing"),
        (lambda c: c.update(verifier_info=[]), "request.verifier_info"),
        (lambda c: c.update(verifier_info={}), "request.verifier_info"),
        (lambda c: c.update(verifier_info=c["verifier_info"] * 17), "request.verifier_info"),
        (lambda c: c.update(verifier_info=[{"format": "jwt", "data": "x"}]), "registration.missing"),
        (lambda c: c["verifier_info"][0]["data"].update(use="everything"), "registration.use"),
        (lambda c: c["verifier_info"][0].update(data="x"), "request.verifier_info"),
    ],
)
def test_a_request_outside_the_profile_is_refused_by_name(
    change: Callable[[dict[str, Any]], object], check: str
) -> None:
    refused(resigned(change), check)


def test_small_clock_differences_are_borne() -> None:
    for difference in (timedelta(seconds=-100), timedelta(seconds=100), timedelta(minutes=6)):
        verify(parties.signed(), now=NOW + difference)
    refused(parties.signed(), "request.expired", now=NOW + timedelta(minutes=8))
    refused(parties.signed(), "request.issued", now=NOW - timedelta(minutes=3))


def test_a_request_fetched_by_another_wallet_is_refused() -> None:
    refused(parties.signed(), "request.wallet_nonce", expected_wallet_nonce="mine")


def test_a_request_of_a_verifier_that_the_link_does_not_name_is_refused() -> None:
    refused(parties.signed(), "request.client_id", expected_client_id="x509_hash:somebody")


def test_another_verifier_with_a_good_certificate_cannot_ask_in_this_ones_name() -> None:
    # A phisher who is registered himself: his leaf is trusted, his request names the victim, the link too.
    phisher = generate_signer()
    leaf = parties.ACCESS.reader(phisher, name="Café Dystopia")
    compact = request_object.sign(parties.request(), signer=phisher, chain=[leaf])
    refused(compact, "request.client_id")
    refused(compact, "request.client_id", expected_client_id=request_object.client_id(leaf))


def test_the_chain_has_a_bounded_length() -> None:
    for chain in ([], [LEAF] * 4):
        refused(request_object.sign(parties.request(), signer=VERIFIER, chain=chain), "request.x5c")


def test_a_verifier_whose_name_cannot_be_shown_is_refused() -> None:
    for name in ("Café\u202e Utopia", " ", "two\nlines"):
        leaf = parties.ACCESS.reader(VERIFIER, name=name)
        client = request_object.client_id(leaf)
        compact = parties.certificate_of(parties.registered(subject=client))
        found = request_object.sign(parties.request(compact=compact, client_id=client), signer=VERIFIER, chain=[leaf])
        refused(found, "request.verifier_name", expected_client_id=client)


def test_a_fetch_is_a_form_with_a_bounded_nonce() -> None:
    for nonce in ("a", "a" * 512):
        assert request_object.parse_fetch(encode_form(request_object.encode_fetch(nonce))) == nonce
    assert request_object.parse_fetch(b"") is None
    assert request_object.parse_fetch(b"wallet_metadata=%7B%7D&other=1") is None
    for nonce in ("", "a" * 513):
        with pytest.raises(FormatError, match=r"request\.wallet_nonce"):
            request_object.parse_fetch(encode_form({"wallet_nonce": nonce}))


def test_an_access_certificate_of_an_unknown_authority_is_refused() -> None:
    stranger = parties.Authority.named("Somebody else")
    refused(parties.signed(), "x509.path", trust=VerifierTrust((stranger.root,), TRUST.registrars))
    refused(parties.signed(), "x509.roots", trust=VerifierTrust((), TRUST.registrars))


def test_an_expired_access_certificate_is_refused() -> None:
    leaf = parties.ACCESS.reader(VERIFIER, expires=NOW - timedelta(seconds=1))
    compact = request_object.sign(parties.request(), signer=VERIFIER, chain=[leaf])
    refused(compact, "x509.path", expected_client_id=request_object.client_id(leaf))


def test_a_key_that_is_not_the_certificates_is_refused() -> None:
    refused(request_object.sign(parties.request(), signer=generate_signer(), chain=[LEAF]), "jws.signature")


def test_a_self_signed_leaf_is_refused() -> None:
    root = parties.ACCESS.root
    compact = request_object.sign(parties.request(), signer=parties.ACCESS.signer, chain=[root])
    with pytest.raises((VerificationError, FormatError)):
        verify(compact, expected_client_id=request_object.client_id(root))


# What the verifier registered --------------------------------------------------------------------------------------


def asking(*claims: ClaimQuery, doc_type: str = AV) -> Query:
    return Query((CredentialQuery("q", zk.FORMAT, MdocMeta(doc_type, zk.offer(1, now=NOW)), claims),))


@pytest.mark.parametrize(
    "query",
    [
        asking(ClaimQuery((AV, "age_over_18")), ClaimQuery((AV, "age_over_21"))),
        asking(ClaimQuery(("another.namespace", "age_over_18"))),
        asking(ClaimQuery((AV, "age_over_18")), doc_type="org.iso.18013.5.1.mDL"),
        asking(doc_type="org.iso.18013.5.1.mDL"),
        replace(parties.QUERY, credentials=(*parties.QUERY.credentials, *asking(ClaimQuery((AV, "name"))).credentials)),
    ],
)
def test_asking_more_than_registered_is_refused_even_as_an_alternative(query: Query) -> None:
    refused(parties.signed(parties.request(query=query)), "registration.over_asking")


def test_asking_less_than_registered_is_fine() -> None:
    verify(parties.signed(parties.request(query=asking())))


def test_anothers_registration_proves_nothing() -> None:
    compact = parties.certificate_of(parties.registered(subject="x509_hash:another"))
    refused(parties.signed(parties.request(compact=compact)), "registration.subject")


def test_a_registration_by_an_unknown_registrar_is_refused() -> None:
    compact = parties.certificate_of(parties.registered(), generate_signer())
    refused(parties.signed(parties.request(compact=compact)), "registration.registrar")
    refused(parties.signed(), "registration.registrar", trust=VerifierTrust(TRUST.roots, ()))


def test_an_expired_registration_is_refused() -> None:
    old = replace(parties.registered(), expires=NOW - timedelta(seconds=1))
    refused(parties.signed(parties.request(compact=parties.certificate_of(old))), "registration.time")


def test_a_verifier_that_shows_no_registration_is_heard_only_where_that_is_waived() -> None:
    compact = resigned(lambda claims: claims.pop("verifier_info"))
    refused(compact, "registration.missing")
    found = verify(compact, accept_unregistered=True)
    assert found.use is None
    assert found.purpose is None


def test_a_waiver_does_not_excuse_a_false_registration() -> None:
    compact = parties.certificate_of(parties.registered(), generate_signer())
    refused(parties.signed(parties.request(compact=compact)), "registration.registrar", accept_unregistered=True)


def test_a_registration_survives_its_encoding() -> None:
    found = parties.registered()
    assert registration.parse(registration.encode(found)) == found


def _broken(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(json.dumps(registration.encode(parties.registered())))
    change(members)
    return members


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda m: m.pop("sub"), "json.sub"),
        (lambda m: m.update(uses=[]), "registration.uses"),
        (lambda m: m.update(uses=m["uses"] * 2), "registration.uses"),
        (lambda m: m["uses"][0].pop("purpose"), "registration.purpose"),
        (lambda m: m["uses"][0]["purpose"].pop("fr"), "registration.purpose"),
        (lambda m: m["uses"][0]["purpose"].update(en="evil \u202e text"), "registration.purpose"),
        (lambda m: m["uses"][0]["purpose"].update(en="two\nlines"), "registration.purpose"),
        (lambda m: m.update(uses=["over_18"]), "registration.use"),
        (lambda m: m["uses"][0].update(claims=[]), "registration.claims"),
        (lambda m: m["uses"][0].update(claims=["age_over_18"]), "registration.claims"),
        (lambda m: m["uses"][0].update(id=""), "registration.id"),
        (lambda m: m.update(sub="x" * 400), "registration.sub"),
        (lambda m: m["uses"][0]["claims"][0].update(identifiers=["a", 1]), "registration.identifiers"),
        (lambda m: m.update(exp="never"), "json.exp"),
    ],
)
def test_a_malformed_registration_is_refused_by_name(change: Callable[[dict[str, Any]], object], check: str) -> None:
    with pytest.raises(FormatError) as error:
        registration.parse(_broken(change))
    assert error.value.check == check


def test_the_wallets_trust_file_survives_its_encoding() -> None:
    assert registration.parse_trust(registration.encode_trust(TRUST)) == TRUST
    for damaged in (b"{}", b'{"access_roots":["?"],"registrars":[]}', b'{"access_roots":[],"registrars":[{}]}'):
        with pytest.raises(FormatError):
            registration.parse_trust(damaged)
    with pytest.raises(FormatError, match=r"verifier_trust\.size"):
        registration.parse_trust(b" " * 300_000)


def test_a_use_that_is_not_registered_is_refused() -> None:
    found: Registration = parties.registered()
    with pytest.raises(Refused, match=r"registration\.use"):
        found.use("other")
