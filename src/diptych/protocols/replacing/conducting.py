"""Conducting a recovery: whom to ask next, until every record is taken and whoever lied is named.

The conductor sees signed statements and envelopes that it cannot open. How trustees are reached, and what is kept of
progress, is the caller's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations

from diptych.crypto.share_recovery import named_liars
from diptych.crypto.signing import Signer, fingerprint
from diptych.errors import DiptychError, Refused
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.record.sealed import SealedRecord
from diptych.protocols.replacing.change import ChangeKey, TrusteeChange
from diptych.protocols.replacing.decision import check_pieces, check_sums
from diptych.protocols.replacing.recovery import (
    PIECES,
    RECOVERY_CALL,
    SUMS,
    TAKEN,
    Pieces,
    PiecesRequest,
    RecoveryCall,
    SharesRequest,
    Sums,
    SumsRequest,
    WantedRecord,
)

Ask = Callable[[int, str, bytes], bytes]
"""Sends the trustee at an index a body for a path; its answer. Raises what the trustee said, or `Unavailable`."""

PIECES_PATH, SUMS_PATH, SHARES_PATH = "recovery-pieces", "recovery-sums", "recovery-shares"
MISSING = "recovery.missing"
_LIES = frozenset({"recovery.share", "recovery.chain", "recovery.sum"})
"""What a newcomer says of a record where one of the helpers lied."""


@dataclass
class Recovery:
    """The recovery of one trustee's shares, over as many batches as there are. It remembers who was caught.

    `liars` and `silent`: who is left out from then on, by index, and the check that says why.
    """

    change: TrusteeChange
    digest: bytes
    keys: tuple[UnverifiedStatement[ChangeKey], ...]
    target: int
    agency: Signer
    ask: Ask
    now: Callable[[], datetime]
    liars: dict[int, str] = field(default_factory=dict)
    silent: dict[int, str] = field(default_factory=dict)

    def take(
        self,
        records: Sequence[UnverifiedStatement[SealedRecord]],
        *,
        helpers: Sequence[int],
        taken: Callable[[Sequence[UnverifiedStatement[SealedRecord]]], None],
    ) -> Mapping[bytes, str]:
        """Have the newcomer take its shares of these records from any k of `helpers`; what is left, and why.

        `taken` is told after each run. A record that a helper has lost is taken with the help of others. Where a
        lie was met, sets are tried until the liar is named or none is left to try; it is named only if the share was
        recovered without it, or the lie may be the sealer's. `Unavailable` where the newcomer does not answer.
        """
        left = {record.unverified.record_id: record for record in records}
        reasons = dict.fromkeys(left, "recovery.too_few")
        failed: list[tuple[int, ...]] = []
        suspects: frozenset[int] = frozenset()
        probe: UnverifiedStatement[SealedRecord] | None = None
        for chosen in combinations(sorted(helpers), self.change.threshold):
            if not left and (suspects or not failed):
                break
            if suspects & set(chosen) or not self._able(chosen):
                continue
            asked = tuple(left.values()) or (() if probe is None else (probe,))
            outcome = self._run(chosen, asked)
            if outcome is None:
                continue
            done = [record for record in asked if outcome[record.unverified.record_id] is None]
            taken([record for record in done if left.pop(record.unverified.record_id, None) is not None])
            reasons |= {record_id: check for record_id, check in outcome.items() if check is not None}
            lied_about = [record for record in asked if outcome[record.unverified.record_id] in _LIES]
            if lied_about:
                failed.append(chosen)
                probe = probe or lied_about[0]
                suspects = self._suspects(failed, helpers)
        if probe is not None and probe.unverified.record_id not in left:
            self.liars |= dict.fromkeys(suspects, "recovery.share")
        return {record_id: reasons[record_id] for record_id in left}

    def _able(self, chosen: tuple[int, ...]) -> bool:
        return not {*self.liars, *self.silent} & set(chosen)

    def _suspects(self, failed: Sequence[tuple[int, ...]], helpers: Sequence[int]) -> frozenset[int]:
        """Who lied if nobody else did: with at most as many liars as leave a set without one."""
        try:
            return named_liars(failed, at_most=len(helpers) - self.change.threshold)
        except Refused:
            return frozenset()

    def _run(
        self, helpers: tuple[int, ...], records: tuple[UnverifiedStatement[SealedRecord], ...]
    ) -> Mapping[bytes, str | None] | None:
        """What became of each record, None for taken; None of it all where a helper did not take part."""
        call = RECOVERY_CALL.sign(
            RecoveryCall(
                fingerprint(self.agency.public_key),
                self.digest,
                self.target,
                helpers,
                tuple(WantedRecord(record.unverified.record_id, record.digest) for record in records),
            ),
            signer=self.agency,
        )
        pieces = self._pieces(call, records)
        if pieces is None:
            return None
        sums = self._sums(call, pieces)
        if isinstance(sums, str):
            return dict.fromkeys((record.unverified.record_id for record in records), sums)
        if sums is None:
            return None
        answer = self.ask(self.target, SHARES_PATH, SharesRequest(call, sums, records).encode())
        found = TAKEN.verify(TAKEN.parse(answer), self.change.place(self.target).signer, now=self.now()).content
        if found.call != call.digest or len(found.results) != len(records):
            raise Refused("recovery.taken", "the newcomer answers another call than it was asked")
        return {record.unverified.record_id: result for record, result in zip(records, found.results, strict=True)}

    def _pieces(
        self, call: UnverifiedStatement[RecoveryCall], records: Sequence[UnverifiedStatement[SealedRecord]]
    ) -> tuple[UnverifiedStatement[Pieces], ...] | None:
        found: list[UnverifiedStatement[Pieces]] = []
        for index in call.unverified.helpers:
            envelopes = tuple(_envelope(record.unverified, index) for record in records)
            try:
                answer = self.ask(index, PIECES_PATH, PiecesRequest(call, self.keys, envelopes).encode())
                one = PIECES.parse(answer)
                check_pieces(one, index=index, call=call, change=self.change, now=self.now())
            except DiptychError as error:
                self.silent[index] = error.check
                return None
            found.append(one)
        return tuple(found)

    def _sums(
        self, call: UnverifiedStatement[RecoveryCall], pieces: tuple[UnverifiedStatement[Pieces], ...]
    ) -> tuple[UnverifiedStatement[Sums], ...] | str | None:
        """The sums; or the check that names a lie of one of the helpers, though not whose."""
        found: list[UnverifiedStatement[Sums]] = []
        for index in call.unverified.helpers:
            try:
                one = SUMS.parse(self.ask(index, SUMS_PATH, SumsRequest(call, self.keys, pieces).encode()))
                check_sums(one, index=index, call=call, change=self.change, now=self.now())
            except DiptychError as error:
                if error.check == "recovery.piece":
                    return "recovery.sum"  # who cut it, or who says so
                self.silent[index] = error.check
                return None
            found.append(one)
        return tuple(found)


def _envelope(record: SealedRecord, index: int) -> bytes | None:
    """A helper's envelope in the record; None where it took a spare share, and keeps its envelope itself."""
    return next((slot.envelope for slot in record.quorum.shares if slot.index == index), None)
