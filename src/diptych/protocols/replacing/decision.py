"""How a trustee helps to recover shares, and how a newcomer takes its own: pure, from what is kept to what is said.

What a helper says follows from its seed for the change, the record, the target and the helpers: asked again, after a
crash or by somebody who hopes for more, it cuts the same pieces (docs/spec/replacement.md, "Recovery").
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from diptych.crypto import sealing, share_recovery
from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import Signer, fingerprint
from diptych.errors import Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.record.sealed import SealedRecord
from diptych.formats.record.sealing import mask_share, share_context
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.depositing.decision import MAX_STEPS, HeldRecord
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.protocols.replacing.change import ChangeKey, TrusteeChange, verify_change_key
from diptych.protocols.replacing.recovery import (
    PIECES,
    SUMS,
    Pieces,
    RecoveryCall,
    SummedRecord,
    Sums,
    open_pieces,
    open_sums,
    seal_pieces,
    seal_sums,
)

SEED_BYTES = 32

_TAG = "diptych recovery seed 1"


def check_call(call: RecoveryCall, change: TrusteeChange, *, digest: bytes) -> None:
    """Raises unless the call is of the agreed change: k helpers of it ask for the share of one of its trustees."""
    if call.change != digest:
        raise VerificationError("recovery.change", "the call is of another change than was agreed to here")
    indices = {trustee.index for trustee in change.trustees}
    if not {call.target, *call.helpers} <= indices or len(call.helpers) != change.threshold:
        raise VerificationError("recovery.helpers", f"{change.threshold} trustees of the set help another one of it")


def change_keys(
    keys: Sequence[UnverifiedStatement[ChangeKey]],
    *,
    call: RecoveryCall,
    change: TrusteeChange,
    now: datetime,
) -> Mapping[int, bytes]:
    """The HPKE key of each helper and of the target, each signed by its trustee for this change."""
    by_signer = {key.unverified.trustee: key for key in keys}
    found: dict[int, bytes] = {}
    for index in (*call.helpers, call.target):
        signer = change.place(index).signer
        key = by_signer.get(fingerprint(signer))
        if key is None:
            raise VerificationError("recovery.keys", f"the key of trustee {index} for this change is missing")
        found[index] = verify_change_key(key, trustee_key=signer, expected_change=call.change, now=now).key
    return found


def cut_pieces(
    shares: Sequence[Secret | None],
    *,
    call: UnverifiedStatement[RecoveryCall],
    index: int,
    seed: Secret,
    keys: Mapping[int, bytes],
    signer: Signer,
) -> UnverifiedStatement[Pieces]:
    """The pieces of the helper at `index`, who has these shares of the call's records; None where it has none."""
    content = call.unverified
    if index not in content.helpers:
        raise Refused("recovery.helper", "this trustee is none of the helpers")
    cut = [
        None if share is None else _cut(share, content, position, index=index, seed=seed)
        for position, share in enumerate(shares)
    ]
    sealed = {
        to: seal_pieces(
            [None if pieces is None else pieces[to] for pieces in cut],
            key=keys[to],
            call=call.digest,
            sender=index,
            receiver=to,
        )
        for to in content.helpers
    }
    missing = tuple(position for position, share in enumerate(shares) if share is None)
    return PIECES.sign(
        Pieces(fingerprint(signer.public_key), call.digest, index, missing, sealed),
        signer=signer,
    )


def add_up(
    pieces: Sequence[UnverifiedStatement[Pieces]],
    kept: Sequence[tuple[ChainElement, str] | None],
    *,
    call: UnverifiedStatement[RecoveryCall],
    change: TrusteeChange,
    index: int,
    recipient: Recipient,
    key: bytes,
    signer: Signer,
    now: datetime,
) -> UnverifiedStatement[Sums]:
    """The sums of the helper at `index`, sealed to the newcomer's `key`. `kept`: chain element and month by record."""
    content = call.unverified
    if index not in content.helpers:
        raise Refused("recovery.helper", "this trustee is none of the helpers")
    given = {
        one.unverified.index: check_pieces(one, index=one.unverified.index, call=call, change=change, now=now)
        for one in pieces
    }
    if set(given) != set(content.helpers):
        raise VerificationError("recovery.pieces", "the pieces of each helper are needed, and no other's")
    opened = {
        sender: open_pieces(
            given[sender].sealed[index],
            recipient=recipient,
            call=call.digest,
            sender=sender,
            receiver=index,
            count=len(content.records),
        )
        for sender in content.helpers
    }
    sums: list[SummedRecord | None] = []
    for position, one in enumerate(kept):
        parts = {sender: values[position] for sender, values in opened.items()}
        whole = {sender: part for sender, part in parts.items() if part is not None}
        if one is None or len(whole) < len(parts):
            sums.append(None)
            continue
        total = share_recovery.add_pieces(whole, helpers=content.helpers)
        sums.append(SummedRecord(total, *one))
    sealed = seal_sums(sums, key=key, call=call.digest, sender=index)
    return SUMS.sign(Sums(fingerprint(signer.public_key), call.digest, index, sealed), signer=signer)


def check_pieces(
    pieces: UnverifiedStatement[Pieces],
    *,
    index: int,
    call: UnverifiedStatement[RecoveryCall],
    change: TrusteeChange,
    now: datetime,
) -> Pieces:
    """The pieces of the helper at `index`, if it signed them for this call and cut them for all helpers."""
    found = PIECES.verify(pieces, change.place(index).signer, now=now).content
    if (found.call, found.index, tuple(found.sealed)) != (call.digest, index, call.unverified.helpers):
        raise VerificationError("recovery.pieces", f"the pieces of helper {index} are for another call")
    return found


def check_sums(
    sums: UnverifiedStatement[Sums],
    *,
    index: int,
    call: UnverifiedStatement[RecoveryCall],
    change: TrusteeChange,
    now: datetime,
) -> Sums:
    """The sums of the helper at `index`, if it signed them for this call."""
    found = SUMS.verify(sums, change.place(index).signer, now=now).content
    if (found.call, found.index) != (call.digest, index):
        raise VerificationError("recovery.sums", f"the sums of helper {index} are for another call")
    return found


def take_share(
    record: UnverifiedStatement[SealedRecord],
    sums: Mapping[int, SummedRecord | None],
    *,
    call: RecoveryCall,
    recipient: bytes,
    entropy: Entropy,
) -> tuple[HeldRecord, str]:
    """What the newcomer keeps of one record, and the month it expires with; `VerificationError` where somebody lied:

    1. every helper has a share ("recovery.missing": nobody lied);
    2. their chain elements are of one chain; the earliest is kept;
    3. the sums are the share whose hash the record has had since it was sealed.

    The month is the median of theirs: no single helper moves it.
    """
    content = record.unverified
    # 1.
    given = {index: one for index, one in sums.items() if one is not None}
    if len(given) < len(sums):
        raise VerificationError("recovery.missing", "a helper has no share of this record")
    # 2.
    chain = _common_chain([one.chain for one in given.values()])
    # 3.
    if call.target not in {spare.index for spare in content.quorum.spares}:
        raise VerificationError("recovery.target", "this record has no spare share at that index")
    share = share_recovery.assemble(
        {index: one.total for index, one in given.items()},
        target=call.target,
        helpers=call.helpers,
        threshold=content.quorum.threshold,
        expected_hash=content.quorum.hash_of(call.target),
        context=share_context(content, call.target),
    )
    mask, envelope = mask_share(content, share, index=call.target, recipient=recipient, entropy=entropy)
    months = sorted(one.month for one in given.values())
    held = HeldRecord(
        RecordVersion.of(record),
        content.retention,
        content.quorum.epoch,
        call.target,
        content.quorum.hash_of(call.target),
        mask,
        chain,
        envelope,
    )
    return held, months[(len(months) - 1) // 2]


def opened_sums(
    sums: Sequence[UnverifiedStatement[Sums]],
    *,
    call: UnverifiedStatement[RecoveryCall],
    change: TrusteeChange,
    recipient: Recipient,
    now: datetime,
) -> Mapping[int, tuple[SummedRecord | None, ...]]:
    """The sums of each helper, by index: each signed by its own for this call."""
    content = call.unverified
    found = {
        one.unverified.index: open_sums(
            check_sums(one, index=one.unverified.index, call=call, change=change, now=now).sealed,
            recipient=recipient,
            call=call.digest,
            sender=one.unverified.index,
            count=len(content.records),
        )
        for one in sums
    }
    if set(found) != set(content.helpers):
        raise VerificationError("recovery.sums", "the sums of each helper are needed, and no other's")
    return found


def _cut(share: Secret, call: RecoveryCall, position: int, *, index: int, seed: Secret) -> Mapping[int, Secret]:
    wanted = call.records[position]
    info: list[CborValue] = [_TAG, call.change, wanted.record_hash, call.target, list(call.helpers), index]

    def pieces_of_seed(count: int) -> bytes:
        blocks = range(count // sealing.KEY_BYTES)
        drawn = (sealing.derive(seed, salt=wanted.record_id, info=cbor.encode([*info, block])) for block in blocks)
        return b"".join(block.reveal() for block in drawn)

    return share_recovery.contribute(
        share,
        index=index,
        target=call.target,
        helpers=call.helpers,
        threshold=len(call.helpers),
        entropy=pieces_of_seed,
    )


def _common_chain(elements: Sequence[ChainElement]) -> ChainElement:
    """The earliest of them, if all the others follow from it."""
    first = min(elements, key=lambda element: element.counter)
    last = max(element.counter for element in elements)
    # A trustee keeps the element of the last opening that it answered: no honest two are further apart.
    is_near = last <= first.counter + MAX_STEPS
    if not is_near or any(element.at(last).secret != first.at(last).secret for element in elements):
        raise VerificationError("recovery.chain", "the helpers' chain elements are not of one chain")
    return first
