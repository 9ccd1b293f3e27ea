"""The one door to pylongfellow: bytes in, bytes out, every error named.

Native code runs in the calling process, aborts on input outside of `limits` and is not constant in memory: only the
disposable processes of `adapters/provers` call it. What a proof does NOT say, whichever engine checks it: that the
namespace is the one given (the circuits do not bind it), nor that the docType is the one that the issuer signed
(google/longfellow-zk issue 144). Who verifies therefore takes the issuer key from its own pins, never from the wire:
one signer for each docType, which signs one namespace.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from pylongfellow import LongfellowError, Pylongfellow
from pylongfellow.mdoc import PublicKey, RequestedAttribute

from diptych.crypto.longfellow.circuits import Circuit
from diptych.crypto.longfellow.engines import Engine
from diptych.crypto.longfellow.limits import Claim
from diptych.errors import VerificationError

# The inner bytes of `D8 18 41 A0`: this system's device-signed namespaces are always the empty map.
EMPTY_DEVICE_NAMESPACES = b"\xa0"

Point = tuple[bytes, bytes]
"""An issuer's P-256 key as (x, y), 32 bytes each, checked by `crypto.signing` to be on the curve."""


class Longfellow:
    """One engine with one circuit loaded. Made by `load`."""

    def __init__(self, native: Pylongfellow) -> None:
        self._native = native

    def prove(
        self, *, document: bytes, issuer_key: Point, transcript: bytes, claims: Sequence[Claim], timestamp: datetime
    ) -> bytes:
        """The proof that the one document in the DeviceResponse `document` makes the claims true.

        `VerificationError` if it does not; aborts the process if `document` is not within `limits`.
        """
        try:
            return self._native.prove(document, _public_key(issuer_key), transcript, _attributes(claims), timestamp)
        except (LongfellowError, OverflowError, ValueError) as error:
            raise VerificationError(
                "zk.not_provable", "the document does not prove these claims at this moment to this verifier"
            ) from error

    def verify(
        self,
        *,
        issuer_key: Point,
        transcript: bytes,
        claims: Sequence[Claim],
        timestamp: datetime,
        proof: bytes,
        doc_type: str,
    ) -> None:
        """Raises `VerificationError` unless the proof holds. Binds neither namespace nor the signed docType."""
        try:
            self._native.verify(
                _public_key(issuer_key),
                transcript,
                _attributes(claims),
                timestamp,
                proof,
                doc_type,
                device_namespaces=EMPTY_DEVICE_NAMESPACES,
            )
        # isrg-rust lets OverflowError out of its own family of errors; ZstdError, which it lets out for circuits that
        # do not decompress, stops at the pin in `load`. A Rust panic ends the process, in the worker.
        except (LongfellowError, OverflowError, ValueError) as error:
            raise VerificationError("zk.proof", "the zero-knowledge proof does not hold") from error


def load(engine: Engine, circuit: Circuit, circuit_bytes: bytes) -> Longfellow:
    """An engine with `circuit`, once the bytes are the pinned ones; else `VerificationError`."""
    # The library checks neither digest nor declared version: any bytes would load.
    if hashlib.sha256(circuit_bytes).hexdigest() != circuit.sha256:
        raise VerificationError("zk.circuit_bytes", "the circuit file is not the one that is pinned")
    native = Pylongfellow(backend=engine.value)
    native.load_circuit(circuit_bytes, circuit.version, circuit.attributes)
    return Longfellow(native)


def _public_key(point: Point) -> PublicKey:
    x, y = point
    return PublicKey(int.from_bytes(x, "big"), int.from_bytes(y, "big"))


def _attributes(claims: Sequence[Claim]) -> list[RequestedAttribute]:
    return [RequestedAttribute(claim.namespace, claim.identifier, claim.encoded_value) for claim in claims]
