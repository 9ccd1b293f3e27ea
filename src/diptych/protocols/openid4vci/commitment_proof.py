"""The proof type `bbs_commitment` (OpenID4VCI 1.0, 8.2.1: proof types can be added): a blind holder secret, for here.

One commitment to the holder secret, the issuer's nonce, and a proof that whoever asks now knows what is in the
commitment. That the nonce is used once, and that a renewal brings the same commitment, is left to the issuer.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from diptych.crypto.bls12381 import G1_BYTES
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.credential import COMMITMENT_BYTES
from diptych.crypto.fast_suite.proof import Context, prove, verify
from diptych.crypto.fast_suite.statements import Opened
from diptych.crypto.fast_suite.statements.opening import Opening
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import as_bytes, as_struct, as_text
from diptych.private import Secret
from diptych.protocols.openid4vci.errors import INVALID_NONCE, INVALID_PROOF

PROOF_TYPE = "bbs_commitment"
MAX_BYTES = 2 * 1024
_POLICY = "openid4vci bbs_commitment"
_MEMBERS = ("commitment", "nonce", "proof")
_CHECK = "commitment_proof"


@dataclass(frozen=True)
class CommitmentProof:
    """A proof as it came. `commitment` has its own proof inside, bound to no session; `proof` binds it to this one."""

    commitment: bytes
    nonce: str
    proof: bytes = field(repr=False)


@dataclass(frozen=True)
class ProvenCommitment:
    """A commitment whose opening the asker knows, under a nonce of ours. Only `verify_commitment_proof` makes one."""

    commitment: bytes
    nonce: str

    @property
    def point(self) -> bytes:
        """The commitment itself: perfectly hiding, and the same at every renewal."""
        return self.commitment[:G1_BYTES]


def build_commitment_proof(
    commitment: bytes, *, blind: Secret, holder_secret: Secret, issuer: str, c_nonce: str, entropy: Entropy
) -> bytes:
    """The proof that this commitment is ours, for `issuer` and under its nonce."""
    opened = Opened(int.from_bytes(blind.reveal(), "big"), int.from_bytes(holder_secret.reveal(), "big"))
    proof = prove([(Opening(commitment), opened)], _context(issuer, c_nonce), entropy=entropy)
    return cbor.encode({"commitment": commitment, "nonce": c_nonce, "proof": proof})


def parse_commitment_proof(data: bytes) -> CommitmentProof:
    """The proof in these bytes, or `FormatError`."""
    if len(data) > MAX_BYTES:
        raise FormatError("commitment_proof.size", f"a commitment proof has at most {MAX_BYTES} bytes")
    members = as_struct(cbor.decode(data), _CHECK, required=_MEMBERS)
    commitment = as_bytes(members["commitment"], _CHECK)
    if tuple(members) != _MEMBERS or len(commitment) != COMMITMENT_BYTES:
        raise FormatError("commitment_proof.members", f"a commitment to one secret has {COMMITMENT_BYTES} bytes")
    return CommitmentProof(commitment, as_text(members["nonce"], _CHECK), as_bytes(members["proof"], _CHECK))


def verify_commitment_proof(
    data: bytes, *, expected_issuer: str, check_nonce: Callable[[str], None], entropy: Entropy
) -> ProvenCommitment:
    """The commitment, once the nonce is one of ours (else `invalid_nonce`) and the proof holds (else `invalid_proof`).

    Not checked here: the proof inside the commitment, without which nothing is signed (`credential.issue`).
    """
    try:
        unverified = parse_commitment_proof(data)
    except FormatError as error:
        raise FormatError(error.check, error.message, code=INVALID_PROOF) from error
    try:
        check_nonce(unverified.nonce)
    except VerificationError as error:
        raise VerificationError("commitment_proof.nonce", error.message, code=INVALID_NONCE) from error
    try:
        verify(
            unverified.proof,
            expected_statements=[Opening(unverified.commitment)],
            expected_context=_context(expected_issuer, unverified.nonce),
            entropy=entropy,
        )
    except (FormatError, VerificationError) as error:
        raise VerificationError(
            "commitment_proof.proof", "the proof is not of this commitment, for this issuer", code=INVALID_PROOF
        ) from error
    return ProvenCommitment(unverified.commitment, unverified.nonce)


def _context(issuer: str, c_nonce: str) -> Context:
    # Hashed: how long a nonce is, is its issuer's choice.
    return Context(hashlib.sha256(c_nonce.encode()).digest(), issuer, _POLICY)
