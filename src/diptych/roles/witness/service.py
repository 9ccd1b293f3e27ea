"""The witness's two use-cases: cosign what extends what it cosigned before, and show the last of it.

Whoever may ask is nobody's business: a checkpoint speaks for itself (tlog-witness, "Introduction"). The clock is the
caller's; the state is the store's.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from diptych.errors import Conflict, Unavailable
from diptych.formats.tlog.cosignature import CheckpointSigner
from diptych.formats.tlog.evidence import Fork
from diptych.formats.tlog.note import VerifierKey
from diptych.protocols.witnessing.add_checkpoint import (
    Answer,
    Status,
    answer_cosigned,
    answer_other_size,
    checkpoint_path,
)
from diptych.protocols.witnessing.decision import NotCosigned, fork_in, read_request, verify_request
from diptych.roles.witness.model import Cosigned, FollowedLog
from diptych.roles.witness.ports import WitnessStore


class Witness:
    """A witness with its keys, one per algorithm, its logs, its store. `on_fork` is told of a log's two histories."""

    def __init__(
        self,
        *,
        signers: Sequence[CheckpointSigner],
        logs: Sequence[FollowedLog],
        store: WitnessStore,
        on_fork: Callable[[Fork], None] = lambda fork: None,
    ) -> None:
        self._signers = tuple(signers)
        self._logs = {log.origin: log for log in logs}
        self._paths = {checkpoint_path(log.origin): log.origin for log in logs}
        self._store = store
        self._on_fork = on_fork

    @property
    def keys(self) -> tuple[VerifierKey, ...]:
        """What logs and policies are configured with."""
        return tuple(signer.verifier_key for signer in self._signers)

    def add_checkpoint(self, body: bytes, *, now: datetime) -> Answer:
        """Cosign the checkpoint in an `add-checkpoint` request, or answer why not.

        `Unavailable` where nothing can be promised: the store failed, or the clock stands before the last cosignature.
        """
        try:
            return self._cosign(body, now)
        except NotCosigned as refused:
            return refused.answer

    def checkpoint(self, path: str) -> bytes | None:
        """The last cosigned checkpoint at a monitoring path (`/<origin hash>/checkpoint`), or None for 404."""
        origin = self._paths.get(path)
        latest = self._store.latest(origin) if origin is not None else None
        return latest.signed.encode() if latest else None

    def _cosign(self, body: bytes, now: datetime) -> Answer:
        request = read_request(body)
        checkpoint = request.checkpoint.checkpoint
        log = self._logs.get(checkpoint.origin)
        latest = self._store.latest(checkpoint.origin) if log else None
        try:
            signatures = verify_request(
                request,
                log_keys=log.keys if log else (),
                latest=latest.signed.checkpoint if latest else None,
            )
        except NotCosigned as refused:
            # The log's signature is verified before its proof is: a stranger cannot make evidence against it.
            if latest is not None and refused.answer.status == Status.INCONSISTENT:
                fork = fork_in(request, latest=latest.signed)
                if fork is not None:
                    self._on_fork(fork)
            raise
        # "as of the specified time, … the largest size the cosigner has observed": never dated before an earlier one.
        if latest is not None and int(now.timestamp()) < latest.timestamp:
            raise Unavailable(
                "witness.clock", "this witness's clock stands before its last cosignature: try again later"
            )
        lines = tuple(signer.sign(checkpoint, now=now) for signer in self._signers)
        # Only what this witness verified is kept and shown: the log's signatures and its own.
        keys = {signature.key for signature in signatures}
        signed = request.checkpoint.only_signed_by(keys).with_signatures(lines)
        try:
            # Kept before anybody sees the cosignatures; of two racing requests the second is told the new size.
            self._store.keep(checkpoint.origin, after=latest, cosigned=Cosigned(signed, int(now.timestamp())))
        except Conflict:
            winner = self._store.latest(checkpoint.origin)
            return answer_other_size(winner.signed.checkpoint.size if winner else 0)
        return answer_cosigned(lines)
