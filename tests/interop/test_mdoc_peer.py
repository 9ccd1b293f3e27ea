"""`@owf/mdoc`, which we did not write, verifies our documents, and we verify its."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from diptych.errors import VerificationError
from diptych.formats.mdoc import session_transcript
from diptych.formats.mdoc.device_response import DeviceResponse, parse_device_response
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.verify import verify_document, verify_issuer_signed
from tests.formats.mdoc_specimen import AUTHORITY, DEVICE, DOC_TYPE, NAMESPACE, NOW, TRUST, licence
from tests.interop.peers import ask_npm
from tests.interop.town import private_jwk

SESSION = {
    "clientId": "x509_hash:specimen",
    "nonce": "a nonce of this session",
    "responseUri": "https://verifier.example/response",
    "jwkThumbprint": "42" * 32,
}
DISCLOSED = ["family_name", "age_over_18", "driving_privileges"]


def transcript_of(session: Mapping[str, str]) -> bytes:
    return session_transcript.openid4vp_redirect(
        client_id=session["clientId"],
        nonce=session["nonce"],
        jwk_thumbprint=bytes.fromhex(session["jwkThumbprint"]),
        response_uri=session["responseUri"],
    )


def verified_by_peer(response: bytes, *, session: Mapping[str, str] = SESSION, **more: object) -> dict[str, object]:
    question = {
        "response": response.hex(),
        "transcript": session,
        "roots": [AUTHORITY.root.hex()],
        "now": NOW.isoformat(),
        **more,
    }
    return ask_npm("mdoc_peer.mjs", "verify", question)


verifier = pytest.mark.peer("@owf/mdoc", role="verifier of our documents")
issuer_and_holder = pytest.mark.peer("@owf/mdoc", role="issuer and holder of its own documents")


@verifier
def test_the_peer_verifies_our_document_with_a_device_signature() -> None:
    document = present(
        licence(),
        doc_type=DOC_TYPE,
        disclose={NAMESPACE: DISCLOSED},
        transcript=transcript_of(SESSION),
        device_signer=DEVICE,
    )
    answer = verified_by_peer(DeviceResponse(documents=(document,)).encode())
    assert answer["failed"] == []
    claims = answer["claims"]
    assert isinstance(claims, dict)
    assert claims[f"{NAMESPACE}/family_name"] == "Mustermann"
    assert {name.split("/")[1] for name in claims} == set(DISCLOSED)


@verifier
def test_the_peer_refuses_our_document_in_another_session() -> None:
    document = present(
        licence(),
        doc_type=DOC_TYPE,
        disclose={NAMESPACE: DISCLOSED},
        transcript=transcript_of(SESSION),
        device_signer=DEVICE,
    )
    other = {**SESSION, "nonce": "another"}
    answer = verified_by_peer(DeviceResponse(documents=(document,)).encode(), session=other)
    failed = answer["failed"]
    assert isinstance(failed, list)
    assert [str(check).split(":")[0] for check in failed] == ["DEVICE_AUTH"]


@pytest.fixture(scope="module")
def theirs() -> tuple[bytes, bytes]:
    """A licence that the peer issued and presented: IssuerSigned and DeviceResponse."""
    validity = {
        "signed": NOW - timedelta(days=1),
        "validFrom": NOW - timedelta(days=1),
        "validUntil": NOW + timedelta(days=13),
    }
    answer = ask_npm(
        "mdoc_peer.mjs",
        "issue-and-present",
        {
            "docType": DOC_TYPE,
            "namespace": NAMESPACE,
            "values": {"family_name": "Mustermann", "given_name": "Erika", "age_over_18": True},
            "disclose": ["family_name", "age_over_18"],
            "signerKey": private_jwk(AUTHORITY.signer_key),
            "signerChain": [AUTHORITY.signer.hex()],
            "deviceKey": private_jwk(DEVICE),
            "validity": {name: moment.isoformat() for name, moment in validity.items()},
            "transcript": SESSION,
        },
    )
    return bytes.fromhex(str(answer["issuerSigned"])), bytes.fromhex(str(answer["response"]))


@issuer_and_holder
def test_we_verify_what_the_peer_issued(theirs: tuple[bytes, bytes]) -> None:
    verified = verify_issuer_signed(
        parse_issuer_signed(theirs[0]),
        expected_doc_type=DOC_TYPE,
        trust=TRUST,
        now=NOW,
        expected_device_key=DEVICE.public_key,
    )
    assert verified.claims[NAMESPACE, "given_name"].reveal() == "Erika"


@issuer_and_holder
def test_we_verify_what_the_peer_presented(theirs: tuple[bytes, bytes]) -> None:
    (document,) = parse_device_response(theirs[1]).documents
    verified = verify_document(
        document, transcript=transcript_of(SESSION), trust=TRUST, expected_doc_type=DOC_TYPE, now=NOW
    )
    assert {name for _, name in verified.claims} == {"family_name", "age_over_18"}
    assert verified.claims[NAMESPACE, "age_over_18"].reveal() is True


@issuer_and_holder
def test_we_refuse_what_the_peer_presented_in_another_session(theirs: tuple[bytes, bytes]) -> None:
    (document,) = parse_device_response(theirs[1]).documents
    with pytest.raises(VerificationError, match=r"mdoc\.device_signature"):
        verify_document(
            document,
            transcript=transcript_of({**SESSION, "nonce": "another"}),
            trust=TRUST,
            expected_doc_type=DOC_TYPE,
            now=NOW,
        )
