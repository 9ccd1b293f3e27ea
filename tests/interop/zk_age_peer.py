"""zk-age-verifier's engine, run in its own virtual environment: one JSON value in, one out.

It parses the DeviceResponse, resolves the signer among its anchors and checks the proof with code we did not write.
"""

import asyncio
import json
import sys

from cryptography import x509
from zk_age_verifier.core.engine.circuits import load_held_circuit
from zk_age_verifier.core.engine.mdoc_zk import verify_presentation
from zk_age_verifier.core.trustlist import AnchorSet


def main() -> None:
    """Answer `{"claims": [...]}` or `{"refused": "<exception name>"}`."""
    question = json.load(sys.stdin)
    anchors = tuple(x509.load_der_x509_certificate(bytes.fromhex(der)) for der in question["anchors"])
    try:
        result = asyncio.run(
            verify_presentation(
                bytes.fromhex(question["response"]),
                bytes.fromhex(question["transcript"]),
                load_held_circuit(backend="google-cpp"),
                AnchorSet(anchors),
                tuple(question["claims"]),
                question["skew_seconds"],
            )
        )
    except Exception as refusal:  # every refusal of the peer is an answer here
        json.dump({"refused": type(refusal).__name__}, sys.stdout)
    else:
        json.dump({"claims": list(result.claims)}, sys.stdout)


if __name__ == "__main__":
    main()
