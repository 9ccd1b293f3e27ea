"""How a witness decides on a checkpoint: the specification's checks in its order, old state in, new state out.

Pure: keeping the state, atomically with the check, is left to `roles/witness`, and signing too.
"""

from collections.abc import Sequence

from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint, check_root
from diptych.formats.tlog.cosignature import VerifiedSignature
from diptych.formats.tlog.evidence import Fork
from diptych.formats.tlog.note import VerifierKey
from diptych.formats.tlog.policy import verify_signatures
from diptych.protocols.witnessing.add_checkpoint import (
    AddCheckpoint,
    Answer,
    Status,
    answer_other_size,
    answer_refusal,
    parse_add_checkpoint,
)


class NotCosigned(Exception):
    """The witness does not cosign; `answer` says why in the protocol's terms."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def read_request(body: bytes) -> AddCheckpoint:
    """The request, or `NotCosigned` with 400."""
    try:
        return parse_add_checkpoint(body)
    except FormatError as error:
        raise _refusal(Status.NONSENSE, error) from error


def verify_request(
    request: AddCheckpoint, *, log_keys: Sequence[VerifierKey], latest: Checkpoint | None
) -> tuple[VerifiedSignature, ...]:
    """The log's signatures on a checkpoint that may be cosigned after `latest`; `NotCosigned` otherwise.

    1. 404: the origin is that of a log which the witness follows (it then has keys).
    2. 403: the log signed it, and no signature that names a key of the log is false.
    3. 400: the old size is at most the new one.
    4. 409: the old size is that of the checkpoint cosigned last, or zero.
    5. 422: the empty tree has its one root.
    6. 422: from size zero there is no proof; otherwise the proof leads from the old root to the new one.
    """
    checkpoint = request.checkpoint.checkpoint
    # 1.
    if not log_keys:
        raise NotCosigned(answer_refusal(Status.UNKNOWN_LOG, "this witness does not follow a log of that origin"))
    # 2.
    signatures = _log_signatures(request, log_keys)
    # 3.
    if request.old_size > checkpoint.size:
        raise NotCosigned(answer_refusal(Status.NONSENSE, "the old size is larger than the checkpoint's"))
    # 4.
    known_size = latest.size if latest else 0
    if request.old_size != known_size:
        raise NotCosigned(answer_other_size(known_size))
    try:
        # 5.
        check_root(checkpoint)
        # 6.
        _verify_proof(request, latest)
    except VerificationError as error:
        raise _refusal(Status.INCONSISTENT, error) from error
    return signatures


def fork_in(request: AddCheckpoint, *, latest: SignedCheckpoint | None) -> Fork | None:
    """The evidence that a request holds against its log, whose signature on it was verified: it does not go on from
    `latest`, and its own proof says so. None without such a proof: then only the log's files can show what it did."""
    if latest is None:
        return None
    old, new = latest.checkpoint, request.checkpoint.checkpoint
    if old.size == new.size:
        return Fork(latest, request.checkpoint, new.root, ()) if old.root != new.root else None
    if not 0 < old.size < new.size or request.old_size != old.size:
        return None
    try:
        other, root = tree.consistency_roots(
            old_size=old.size, old_root=old.root, new_size=new.size, proof=request.proof
        )
    except VerificationError:
        return None
    return Fork(latest, request.checkpoint, other, request.proof) if root == new.root and other != old.root else None


def _log_signatures(request: AddCheckpoint, log_keys: Sequence[VerifierKey]) -> tuple[VerifiedSignature, ...]:
    try:
        signatures = verify_signatures(request.checkpoint, log_keys)
    except VerificationError as error:
        raise _refusal(Status.UNSIGNED, error) from error
    # Tightened: where a log is known by keys of two algorithms, one of each must have signed. Whoever breaks one
    # algorithm could otherwise move the witness onto a history of their own, and shut the log out.
    missing = {key.signature_type for key in log_keys} - {signature.key.signature_type for signature in signatures}
    if missing:
        raise NotCosigned(answer_refusal(Status.UNSIGNED, "a signature of the log is missing"))
    return signatures


def _verify_proof(request: AddCheckpoint, latest: Checkpoint | None) -> None:
    checkpoint = request.checkpoint.checkpoint
    if request.old_size == 0:
        if request.proof:
            raise VerificationError("witnessing.proof", "from size zero there is no proof")
        return
    assert latest is not None
    tree.verify_consistency(
        old_size=latest.size,
        old_root=latest.root,
        new_size=checkpoint.size,
        new_root=checkpoint.root,
        proof=request.proof,
    )


def _refusal(status: Status, error: DiptychError) -> NotCosigned:
    return NotCosigned(answer_refusal(status, f"{error.check}: {error.message}"))
