"""openvc-core, run in its own virtual environment: one JSON value in, one out.

It reads our issuance messages as an issuer's library would, and verifies our wallet's answers and our status lists as a
verifier's would.
"""

import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any  # openvc's results are its own business

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from openvc import cbor, cose, jwe, mdoc, openid4vci
from openvc.errors import OpenvcError
from openvc.keys import P256KeyAgreementKey
from openvc.status import issue, token_status_list

Question = Mapping[str, Any]


def read(question: Question) -> dict[str, object]:
    """What the library understands of an offer, of metadata and of a credential request, whose proofs it verifies."""
    offer = openid4vci.parse_credential_offer(question["offer"])
    metadata = openid4vci.parse_credential_issuer_metadata(question["metadata"])
    request = openid4vci.parse_credential_request(
        question["request"],
        batch_size=metadata.batch_size,
        supported_configuration_ids=tuple(metadata.credential_configurations_supported),
    )
    proofs = openid4vci.verify_credential_request_proofs(
        request,
        credential_issuer=metadata.credential_issuer,
        check_nonce=lambda nonce: bool(nonce == question["nonce"]),
        now=datetime.fromisoformat(question["now"]),
        batch_size=metadata.batch_size,
    )
    return {
        "issuer": [offer.credential_issuer, metadata.credential_issuer],
        "offered": list(offer.credential_configuration_ids),
        "wanted": request.credential_configuration_id,
        "keys": [proof.thumbprint for proof in proofs],
    }


def verify(question: Question) -> dict[str, object]:
    """The documents in an encrypted answer to a request."""
    scalar = int.from_bytes(_decoded(question["key"]["d"]), "big")
    key = P256KeyAgreementKey(ec.derive_private_key(scalar, ec.SECP256R1()), question["kid"])
    answer = json.loads(jwe.decrypt_compact(question["answer"], key=key))
    ((presentation,),) = answer["vp_token"].values()
    documents = mdoc.verify_device_response(
        _decoded(presentation),
        trust_anchors=[x509.load_der_x509_certificate(bytes.fromhex(der)) for der in question["anchors"]],
        session_transcript=bytes.fromhex(question["transcript"]),
        now=datetime.fromisoformat(question["now"]),
        expected_doc_type=question["docType"],
    )
    return {
        "documents": [
            {"docType": found.doc_type, "deviceSigned": found.device_signed, "elements": found.namespaces}
            for found in documents
        ]
    }


def status(question: Question) -> dict[str, object]:
    """The status that a document's reference leads to, in a list token as JWT."""
    reference = question["reference"]["status_list"]
    claims = issue.verify_status_list_token(
        question["token"],
        public_key_jwk=question["key"],
        expected_uri=reference["uri"],
        now=datetime.fromisoformat(question["now"]),
    )
    found = token_status_list.check_token_status(
        {"status": question["reference"]}, resolve_status_list_token=lambda uri: claims
    )
    if found is None:
        raise OpenvcError("no reference")
    return {"status": found.status, "revoked": found.revoked, "suspended": found.suspended}


def status_cwt(question: Question) -> dict[str, object]:
    """The same in a list token as CWT, of which the library has the parts: CBOR, COSE and the packed list."""
    signed = cose.parse_sign1(cbor.decode(_decoded(question["token"])))
    if not cose.verify_sign1(signed, public_jwk=question["key"]):
        raise OpenvcError("signature")
    claims = cbor.decode(signed.payload)
    reference, listed = question["reference"]["status_list"], claims[65533]
    if signed.protected_header[16] != "application/statuslist+cwt" or claims[2] != reference["uri"]:
        raise OpenvcError("type or subject")
    data = token_status_list.decode_status_list(urlsafe_b64encode(listed["lst"]).rstrip(b"=").decode())
    return {"status": token_status_list.get_status(data, reference["idx"], bits=listed["bits"])}


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


COMMANDS: Mapping[str, Callable[[Question], dict[str, object]]] = {
    "read": read,
    "status": status,
    "status_cwt": status_cwt,
    "verify": verify,
}


def main() -> None:
    """Answer, or `{"refused": "<exception name>"}`."""
    question = json.load(sys.stdin)
    try:
        json.dump(COMMANDS[question["command"]](question), sys.stdout)
    except OpenvcError as refusal:
        json.dump({"refused": type(refusal).__name__}, sys.stdout)


if __name__ == "__main__":
    main()
