"""Every field of a presented document, flipped one at a time, is refused under the name of the check that stops it.

First as anyone on the way could flip it; then as a signer or a device could, who signs again what it changed.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from diptych.errors import DiptychError
from diptych.formats.cbor import CborKey, CborValue, EncodedCbor, FullDate, TDate, as_map, decode, encode
from diptych.formats.mdoc import device_auth
from diptych.formats.mdoc.device_response import DeviceResponse, DeviceSigned, Document, parse_device_response
from diptych.formats.mdoc.issuer_signed import IssuerSigned, build_item
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.formats.mdoc.verify import VerifiedDocument, verify_document
from diptych.private import Personal
from tests.formats.mdoc_specimen import (
    AUTHORITY,
    DEVICE,
    DOC_TYPE,
    ELEMENTS,
    NAMESPACE,
    NOW,
    TRANSCRIPT,
    TRUST,
    Step,
    authority,
    changed,
    key,
    licence,
    signed_again,
)

LICENCE = licence()


def presented(issuer_signed: IssuerSigned = LICENCE) -> Document:
    return present(
        issuer_signed,
        doc_type=DOC_TYPE,
        disclose={NAMESPACE: list(ELEMENTS)},
        transcript=TRANSCRIPT,
        device_signer=DEVICE,
    )


def verified(wire: bytes, *, transcript: bytes = TRANSCRIPT, trust: IssuerTrust = TRUST) -> VerifiedDocument:
    """What the verifier believes of the one document on the wire."""
    (document,) = parse_device_response(wire).documents
    return verify_document(document, transcript=transcript, trust=trust, expected_doc_type=DOC_TYPE, now=NOW)


WIRE = DeviceResponse((presented(),)).encode()


# 1. Anyone on the way. Each pattern of paths and the check that stops a flip there; the first that matches counts.
DOCUMENT = r"/documents/0"
MSO = DOCUMENT + r"/issuerSigned/issuerAuth/2/bstr/tag24"
EXPECTED = [
    (r"/version", "mdoc.device_response.version"),
    (r"/status", "mdoc.device_response.status"),
    (r"/key:.*", "mdoc.device_response"),
    (DOCUMENT + r"/key:.*", "mdoc.document"),
    (DOCUMENT + r"/docType", "mdoc.doc_type"),
    (DOCUMENT + r"/issuerSigned/key:.*", "mdoc.issuer_signed"),
    (DOCUMENT + r"/issuerSigned/nameSpaces/key:.*", "mdoc.digest_missing"),
    (DOCUMENT + r".*/nameSpaces/[^/]*/\d+/tag24/digestID", "mdoc.digest_missing"),
    (DOCUMENT + r".*/nameSpaces/[^/]*/\d+/tag24/(random|elementIdentifier|elementValue.*)", "mdoc.digest"),
    (DOCUMENT + r".*/nameSpaces/[^/]*/\d+/tag24/key:.*", "mdoc.item"),
    (DOCUMENT + r"/issuerSigned/issuerAuth/0/.*", "cose.alg"),
    (DOCUMENT + r"/issuerSigned/issuerAuth/1/33", "mdoc.signer_pinned"),
    (DOCUMENT + r"/issuerSigned/issuerAuth/1/key:33", "cose.header"),
    (DOCUMENT + r"/issuerSigned/issuerAuth/3", "mdoc.issuer_signature"),
    (MSO + r"/deviceKeyInfo/deviceKey/(1|-1)", "cose.key"),
    (MSO + r"/deviceKeyInfo/deviceKey/(-2|-3)", "key.point"),
    (MSO + r"/deviceKeyInfo/deviceKey/key:.*", "cose.key"),
    (MSO + r"(/deviceKeyInfo|/validityInfo)?/key:.*", "mdoc.mso"),
    (MSO + r"/.*", "mdoc.issuer_signature"),
    (DOCUMENT + r"/deviceSigned/key:.*", "mdoc.device_signed"),
    (DOCUMENT + r"/deviceSigned/nameSpaces/.*", "mdoc.device_signature"),
    (DOCUMENT + r"/deviceSigned/deviceAuth/key:.*", "mdoc.device_auth"),
    (DOCUMENT + r"/deviceSigned/deviceAuth/deviceSignature/0/.*", "cose.alg"),
    (DOCUMENT + r"/deviceSigned/deviceAuth/deviceSignature/1", "cose.header"),
    (DOCUMENT + r"/deviceSigned/deviceAuth/deviceSignature/2", "mdoc.device_auth"),
    (DOCUMENT + r"/deviceSigned/deviceAuth/deviceSignature/3", "mdoc.device_signature"),
]


def fields(value: CborValue, path: tuple[Step, ...] = ()) -> Iterator[tuple[tuple[Step, ...], Step | None]]:
    """Every leaf (path, None) and every map key (path of the map, key), through tag 24 and CBOR in byte strings."""
    if isinstance(value, EncodedCbor):
        yield from fields(decode(value.raw), (*path, EncodedCbor))
    elif isinstance(value, bytes) and path[-2:] in (("issuerAuth", 0), ("issuerAuth", 2), ("deviceSignature", 0)):
        yield from fields(decode(value), (*path, bytes))
    elif isinstance(value, dict) and value:
        for name, member in value.items():
            yield path, name
            yield from fields(member, (*path, name))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from fields(item, (*path, place))
    else:
        yield path, None


def named(path: tuple[Step, ...], map_key: Step | None) -> str:
    names = {EncodedCbor: "tag24", bytes: "bstr"}
    steps = [names[step] if isinstance(step, type) else str(step) for step in path]
    return "/" + "/".join([*steps, *([] if map_key is None else [f"key:{map_key}"])])


def flipped(value: CborValue) -> CborValue:
    """The nearest other value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1000
        case str():
            return value[:-1] + chr(ord(value[-1]) ^ 2)
        case bytes():
            return bytes([value[0] ^ 1]) + value[1:]
        case TDate():
            return TDate.of(value.moment() + timedelta(seconds=1))
        case FullDate():
            return FullDate.of(date.fromordinal(value.day().toordinal() + 1))
        case None:
            return b""
        case _:
            assert value == {}
            return {"another": {"claim": True}}


def renamed(map_key: Step) -> Callable[[CborValue], CborValue]:
    def rename(value: CborValue) -> CborValue:
        assert not isinstance(map_key, type)
        other: CborKey = map_key + 1000 if isinstance(map_key, int) else str(flipped(map_key))
        return {other if name == map_key else name: member for name, member in as_map(value, "test").items()}

    return rename


FIELDS = {named(path, map_key): (path, map_key) for path, map_key in fields(decode(WIRE))}


def test_the_unflipped_document_is_believed() -> None:
    assert {identifier for _, identifier in verified(WIRE).claims} == set(ELEMENTS)
    assert len(FIELDS) > 130


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_flipped_on_the_way_is_refused_by_name(name: str) -> None:
    path, map_key = FIELDS[name]
    wire = encode(changed(decode(WIRE), path, flipped if map_key is None else renamed(map_key)))
    assert wire != WIRE
    expected = next(check for pattern, check in EXPECTED if re.fullmatch(pattern, name))
    with pytest.raises(DiptychError) as refusal:
        verified(wire)
    assert refusal.value.check == expected


def test_every_pattern_of_paths_stands_for_a_field() -> None:
    for pattern, _ in EXPECTED:
        assert any(re.fullmatch(pattern, name) for name in FIELDS), pattern


def test_a_transcript_that_is_another_sessions_is_refused() -> None:
    for position in range(len(TRANSCRIPT)):
        other = bytearray(TRANSCRIPT)
        other[position] ^= 1
        with pytest.raises(DiptychError) as refusal:
            verified(WIRE, transcript=bytes(other))
        assert refusal.value.check == "mdoc.device_signature"


def test_a_flipped_certificate_is_refused_even_if_someone_pins_it() -> None:
    for position in range(0, len(AUTHORITY.signer), 3):
        damaged = bytes(byte ^ 1 if place == position else byte for place, byte in enumerate(AUTHORITY.signer))
        wire = encode(
            changed(decode(WIRE), ("documents", 0, "issuerSigned", "issuerAuth", 1, 33), lambda _, other=damaged: other)
        )
        with pytest.raises(DiptychError) as refusal:
            verified(wire, trust=IssuerTrust(signers={DOC_TYPE: (damaged,)}, roots=(AUTHORITY.root,)))
        assert refusal.value.check.startswith("x509.")


# 2. A careless or dishonest signer, who signs the MSO again.
def at(*path: Step, to: CborValue) -> Callable[[CborValue], CborValue]:
    return lambda mso: changed(mso, path, lambda _: to)


def with_member(name: str, value: CborValue) -> Callable[[CborValue], CborValue]:
    return lambda mso: {**as_map(mso, "test"), name: value}


def device_key(changes: dict[CborKey, CborValue]) -> Callable[[CborValue], CborValue]:
    return lambda mso: changed(mso, ("deviceKeyInfo", "deviceKey"), lambda value: {**as_map(value, "test"), **changes})


FIRST = LICENCE.namespaces[NAMESPACE][0]
VALIDITY = "validityInfo"
BY_THE_SIGNER: dict[str, tuple[Callable[[CborValue], CborValue], str]] = {
    "version": (at("version", to="2.0"), "mdoc.version"),
    "digest_algorithm": (at("digestAlgorithm", to="SHA-512"), "mdoc.digest_algorithm"),
    "digest_algorithm_by_another_name": (at("digestAlgorithm", to="sha-256"), "mdoc.digest_algorithm"),
    "doc_type": (at("docType", to="org.iso.23220.photoid.1"), "mdoc.doc_type"),
    "digest": (at("valueDigests", NAMESPACE, FIRST.digest_id, to=bytes(32)), "mdoc.digest"),
    "digest_shortened": (at("valueDigests", NAMESPACE, FIRST.digest_id, to=FIRST.digest()[:16]), "mdoc.digest"),
    "digest_missing": (at("valueDigests", NAMESPACE, to={}), "mdoc.digest_missing"),
    "namespace_missing": (at("valueDigests", to={}), "mdoc.digest_missing"),
    "digest_id_negative": (at("valueDigests", NAMESPACE, to={-1: bytes(32)}), "mdoc.digest_id"),
    "digest_id_too_large": (at("valueDigests", NAMESPACE, to={2**32: bytes(32)}), "mdoc.digest_id"),
    "signed_before_the_certificate": (
        at(VALIDITY, "signed", to=TDate.of(NOW - timedelta(days=31))),
        "mdoc.validity.signed",
    ),
    "signed_after_valid_from": (at(VALIDITY, "signed", to=TDate.of(NOW)), "mdoc.validity.order"),
    "valid_until_before_valid_from": (
        at(VALIDITY, "validUntil", to=TDate.of(NOW - timedelta(days=1))),
        "mdoc.validity.order",
    ),
    "not_valid_yet": (at(VALIDITY, "validFrom", to=TDate.of(NOW + timedelta(seconds=1))), "mdoc.validity.not_yet"),
    "expired": (at(VALIDITY, "validUntil", to=TDate.of(NOW - timedelta(seconds=1))), "mdoc.validity.expired"),
    "date_with_fraction": (at(VALIDITY, "signed", to=TDate("2026-05-01T00:00:00.5Z")), "cbor.tdate"),
    "date_with_offset": (at(VALIDITY, "signed", to=TDate("2026-05-01T00:00:00+00:00")), "cbor.tdate"),
    "date_untagged": (at(VALIDITY, "signed", to="2026-05-01T00:00:00Z"), "mdoc.mso.validity_info"),
    "device_key_of_another": (
        at("deviceKeyInfo", "deviceKey", to={1: 2, -1: 1, -2: bytes(32), -3: bytes(32)}),
        "key.point",
    ),
    "device_key_private": (device_key({-4: bytes(32)}), "cose.key"),
    "device_key_on_another_curve": (device_key({-1: 2}), "cose.key"),
    "status": (with_member("status", {"status_list": {"idx": 1, "uri": "https://x.example"}}), "mdoc.status"),
}


@pytest.mark.parametrize("name", BY_THE_SIGNER)
def test_what_a_signer_must_not_sign_is_refused_by_name(name: str) -> None:
    change, check = BY_THE_SIGNER[name]
    with pytest.raises(DiptychError) as refusal:
        verified(_shown(signed_again(LICENCE, change)))
    assert refusal.value.check == check


def test_signing_again_without_a_change_is_believed() -> None:
    assert verified(_shown(signed_again(LICENCE, lambda mso: mso)))
    assert verified(_shown(signed_again(LICENCE, with_member("added by a later edition", 1))))


def _shown(issuer_signed: IssuerSigned, device_signed: DeviceSigned | None = None) -> bytes:
    shown = presented()
    return DeviceResponse((Document(DOC_TYPE, issuer_signed, device_signed or shown.device_signed),)).encode()


# 3. A holder who picks, repeats and swaps.
def test_an_item_under_another_items_digest_id_is_refused() -> None:
    first, second = LICENCE.namespaces[NAMESPACE][:2]
    swapped = build_item(
        digest_id=second.digest_id,
        random=first.random,
        identifier=first.element_identifier,
        value=first.element_value,
    )
    _refused({NAMESPACE: (swapped,)}, "mdoc.digest")
    _refused({NAMESPACE: (second, swapped)}, "mdoc.digest_repeated")


def test_an_item_shown_twice_is_refused() -> None:
    first = LICENCE.namespaces[NAMESPACE][0]
    _refused({NAMESPACE: (first, first)}, "mdoc.digest_repeated")


def test_an_identifier_in_two_namespaces_is_refused() -> None:
    first = LICENCE.namespaces[NAMESPACE][0]
    again = build_item(
        digest_id=99, random=first.random, identifier=first.element_identifier, value=Personal("Musterfrau")
    )
    _refused({NAMESPACE: (first,), "another.namespace": (again,)}, "mdoc.element_repeated")
    _refused({NAMESPACE: (first, again)}, "mdoc.element_repeated")


def test_an_item_moved_to_another_namespace_is_refused() -> None:
    _refused({"another.namespace": LICENCE.namespaces[NAMESPACE]}, "mdoc.digest_missing")


def _refused(namespaces: dict[str, tuple[object, ...]], check: str) -> None:
    wire = _shown(IssuerSigned(namespaces, LICENCE.issuer_auth))  # type: ignore[arg-type]  # items, as the caller says
    with pytest.raises(DiptychError) as refusal:
        verified(wire)
    assert refusal.value.check == check


def test_an_item_with_a_short_salt_is_refused() -> None:
    short = build_item(digest_id=1, random=bytes(15), identifier="sex", value=Personal(1))
    _refused({NAMESPACE: (short,)}, "mdoc.item.random")


# 4. A device that claims more than its issuer lets it.
CLAIM = EncodedCbor(encode({NAMESPACE: {"nickname": "Erika"}}))
AUTHORIZATIONS: dict[str, tuple[CborValue, str | None]] = {
    "none": (None, "mdoc.key_authorizations"),
    "another_namespace": ({"nameSpaces": ["another.namespace"]}, "mdoc.key_authorizations"),
    "another_element": ({"dataElements": {NAMESPACE: ["sex"]}}, "mdoc.key_authorizations"),
    "element_elsewhere": ({"dataElements": {"another.namespace": ["nickname"]}}, "mdoc.key_authorizations"),
    "the_namespace": ({"nameSpaces": [NAMESPACE]}, None),
    "the_element": ({"dataElements": {NAMESPACE: ["nickname"]}}, None),
    "nonsense": ({"everything": True}, "mdoc.mso.key_authorizations"),
}


@pytest.mark.parametrize("name", AUTHORIZATIONS)
def test_a_device_claims_itself_what_its_issuer_authorised_and_no_more(name: str) -> None:
    authorizations, check = AUTHORIZATIONS[name]

    def authorise(mso: CborValue) -> CborValue:
        if authorizations is None:
            return mso
        return changed(
            mso, ("deviceKeyInfo",), lambda value: {**as_map(value, "test"), "keyAuthorizations": authorizations}
        )

    signature = device_auth.sign(transcript=TRANSCRIPT, doc_type=DOC_TYPE, name_spaces=CLAIM, device_signer=DEVICE)
    wire = _shown(signed_again(LICENCE, authorise), DeviceSigned(CLAIM, signature))
    if check is None:
        assert verified(wire).device_claims == {(NAMESPACE, "nickname"): Personal("Erika")}
        return
    with pytest.raises(DiptychError) as refusal:
        verified(wire)
    assert refusal.value.check == check


def test_a_signature_by_another_device_is_refused() -> None:
    name_spaces = presented().device_signed.name_spaces
    signature = device_auth.sign(
        transcript=TRANSCRIPT, doc_type=DOC_TYPE, name_spaces=name_spaces, device_signer=key("another")
    )
    with pytest.raises(DiptychError) as refusal:
        verified(_shown(LICENCE, DeviceSigned(name_spaces, signature)))
    assert refusal.value.check == "mdoc.device_signature"


# 5. Signers that are not the one expected.
def test_a_signer_pinned_for_another_document_type_is_refused() -> None:
    trust = IssuerTrust(signers={"org.iso.23220.photoid.1": (AUTHORITY.signer,)}, roots=(AUTHORITY.root,))
    with pytest.raises(DiptychError) as refusal:
        verified(WIRE, trust=trust)
    assert refusal.value.check == "mdoc.signer_pinned"


def test_a_pinned_signer_under_an_untrusted_root_is_refused() -> None:
    trust = IssuerTrust(signers=TRUST.signers, roots=(authority("elsewhere").root,))
    with pytest.raises(DiptychError) as refusal:
        verified(WIRE, trust=trust)
    assert refusal.value.check == "x509.path"


def test_an_expired_signer_is_refused() -> None:
    late = NOW + timedelta(days=371)
    (document,) = parse_device_response(WIRE).documents
    with pytest.raises(DiptychError) as refusal:
        verify_document(document, transcript=TRANSCRIPT, trust=TRUST, expected_doc_type=DOC_TYPE, now=late)
    assert refusal.value.check == "x509.path"


def test_an_authentic_document_of_a_type_that_was_not_asked_for_is_refused() -> None:
    (document,) = parse_device_response(WIRE).documents
    with pytest.raises(DiptychError) as refusal:
        verify_document(
            document, transcript=TRANSCRIPT, trust=TRUST, expected_doc_type="eu.europa.ec.eudi.pid.1", now=NOW
        )
    assert refusal.value.check == "mdoc.doc_type"
