"""The engine of `zk-age-verifier`, which we did not write, accepts our proof of age and refuses a changed one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from diptych.adapters.provers.prover import DisposableProver
from diptych.crypto.longfellow import Claim
from diptych.crypto.longfellow.circuits import circuit_for
from diptych.crypto.signing import generate_signer
from diptych.formats.mdoc import session_transcript
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issue import issue
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.zk_document import ZkDocument
from diptych.private import Personal
from tests.formats.mdoc_specimen import Authority, authority, entropy_from
from tests.interop.peers import ask_venv

pytestmark = pytest.mark.peer("zk-age-verifier", role="verifier of our zero-knowledge proofs")

DOC_TYPE = NAMESPACE = "eu.europa.ec.av.1"
TRUE = b"\xf5"


@pytest.fixture(scope="module")
def presentation() -> tuple[Authority, bytes, bytes]:
    """The authority, and a DeviceResponse with our proof of "over 18" for a transcript."""
    now = datetime.now(UTC).replace(microsecond=0)  # the peer reads the real clock
    by = authority(signer_since=now - timedelta(days=2))
    device = generate_signer()
    held = issue(
        doc_type=DOC_TYPE,
        namespaces={NAMESPACE: {"age_over_18": True}},
        device_key=device.public_key,
        signer=by.signer_key,
        signer_chain=[by.signer],
        signed=now - timedelta(days=1),
        valid_from=now - timedelta(days=1),
        valid_until=now + timedelta(days=13),
        entropy=entropy_from("proof of age"),
    )
    transcript = session_transcript.openid4vp_redirect(
        client_id="x509_hash:peer", nonce="nonce", jwk_thumbprint=bytes(32), response_uri="https://verifier.example/r"
    )
    shown = present(
        held, doc_type=DOC_TYPE, disclose={NAMESPACE: ["age_over_18"]}, transcript=transcript, device_signer=device
    )
    circuit = circuit_for(1, now=now)
    proof = DisposableProver().prove(
        document=DeviceResponse(documents=(shown,)).encode(),
        issuer_key=by.signer_key.public_key,
        transcript=transcript,
        claims=[Claim(NAMESPACE, "age_over_18", TRUE)],
        timestamp=now,
        zk_system_id=circuit.zk_system_id,
    )
    # The peer names circuits by all their parameters, joined.
    named = f"longfellow-libzk-v1_7_1_{circuit.block_enc_hash}_{circuit.block_enc_sig}_{circuit.circuit_hash}"
    answer = ZkDocument(
        doc_type=DOC_TYPE,
        zk_system_id=named,
        timestamp=now,
        claims={NAMESPACE: {"age_over_18": Personal(TRUE)}},
        proof=proof,
        signer_chain=[by.signer],
    )
    return by, DeviceResponse(zk_documents=(answer,)).encode(), transcript


def asked(by: Authority, response: bytes, transcript: bytes) -> Mapping[str, object]:
    return ask_venv(
        "zk-age-verifier",
        "zk_age_peer.py",
        {
            "response": response.hex(),
            "transcript": transcript.hex(),
            "anchors": [by.root.hex()],
            "claims": ["age_over_18"],
            "skew_seconds": 300,
        },
    )


def test_the_peer_accepts_our_proof(presentation: tuple[Authority, bytes, bytes]) -> None:
    assert asked(*presentation) == {"claims": ["age_over_18"]}


def test_the_peer_refuses_our_proof_in_another_session(presentation: tuple[Authority, bytes, bytes]) -> None:
    by, response, transcript = presentation
    assert asked(by, response, transcript + b"\0")["refused"] == "VerifierError"


def test_the_peer_refuses_our_proof_under_another_authority(presentation: tuple[Authority, bytes, bytes]) -> None:
    _, response, transcript = presentation
    assert asked(authority("arcadia"), response, transcript)["refused"] == "UntrustedIssuer"
