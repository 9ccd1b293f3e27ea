"""The sealed registry's cryptography: sealing, opening, looking up, making a key; three trustees of five.

Processor time of one thread, all parties one after the other: what disk, network and the log add is not in it. What it
is printed for is left to `bench`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import process_time

from diptych.crypto import hpke, lookup_prf, share_recovery, sharing
from diptych.crypto.hpke import HybridRecipient
from diptych.crypto.lookup_prf import KeyShare, Message, Participant, PurposeKey
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.formats.civil_status.inputs import COUNT
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.padding import unpad
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealing import (
    FreshlySealed,
    check_share,
    open_agency_half,
    open_record,
    seal_record,
    unmask_share,
)
from diptych.private import Personal, Secret

TRUSTEES, SPARES, THRESHOLD = (1, 2, 3, 4, 5), (6, 7), 3
EPOCH = 1
PURPOSE = "bench"

_ANSWER_INFO = b"bench"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class LookupTime:
    """Microseconds of one look-up of six inputs, by who spends them; `finish` combines three answers and checks."""

    blind: float
    evaluate: float
    finish: float
    finish_with_a_liar: float


@dataclass(frozen=True)
class PartTime:
    """Microseconds of single operations. Seven shares are split; envelopes hold 32 bytes."""

    split: float
    combine: float
    recover: float
    hpke_seal: float
    hpke_open: float


@dataclass(frozen=True)
class Result:
    """One run. `record_overhead_bytes` is the signed record less content and padding."""

    seal_ms: float
    open_ms: float
    record_bytes: int
    content_bytes: int
    padding_bytes: int
    record_overhead_bytes: int
    lookup_us: LookupTime
    parts_us: PartTime
    key_ceremony_ms: float
    """All five trustees' work together; each does a fifth."""
    resharing_ms: float


def measure(*, rounds: int, progress: Progress) -> Result:
    """Every operation `rounds` times, ceremonies once in ten."""
    progress("sealing and opening records")
    registry = _Registry()
    fresh = registry.seal()
    padded = registry.content.encode_padded()
    record_bytes, content_bytes = len(fresh.signed.encode()), len(unpad(padded))
    seal_us = _microseconds(registry.seal, rounds)
    open_us = _microseconds(lambda: registry.open(fresh), rounds)
    progress("shares and envelopes")
    parts = _parts(registry.recipients[1], rounds)
    progress("key ceremonies")
    few = max(1, rounds // 10)
    made = _ceremony(registry.recipients)
    ceremony_us = _microseconds(lambda: _ceremony(registry.recipients), few)
    resharing_us = _microseconds(lambda: _ceremony(registry.recipients, made), few)
    progress("look-ups")
    return Result(
        seal_ms=round(seal_us / 1000, 2),
        open_ms=round(open_us / 1000, 2),
        record_bytes=record_bytes,
        content_bytes=content_bytes,
        padding_bytes=len(padded) - content_bytes,
        record_overhead_bytes=record_bytes - len(padded),
        lookup_us=_lookup(made, rounds),
        parts_us=parts,
        key_ceremony_ms=round(ceremony_us / 1000, 1),
        resharing_ms=round(resharing_us / 1000, 1),
    )


def prose(found: Result) -> str:
    """For people."""
    asked, parts = found.lookup_us, found.parts_us
    return "\n".join(
        (
            f"Sealing a record: {found.seal_ms:.2f} ms; opening it: {found.open_ms:.2f} ms "
            f"({THRESHOLD} of {len(TRUSTEES)} trustees and the agency, one after the other)",
            f"A record takes {found.record_bytes:,} bytes: {found.content_bytes:,} of content, {found.padding_bytes:,} "
            f"that hide its length, {found.record_overhead_bytes:,} for the quorum, the agency and the signature",
            f"A look-up of {COUNT} inputs: {asked.blind / 1000:.2f} ms to blind, {asked.evaluate / 1000:.2f} ms at "
            f"each trustee, {asked.finish / 1000:.2f} ms to combine and check; "
            f"{asked.finish_with_a_liar / 1000:.2f} ms where one lies and is named",
            f"Splitting a secret: {parts.split:.0f} us; combining: {parts.combine:.0f} us; a helper's part of a "
            f"recovery: {parts.recover:.0f} us",
            f"An envelope: {parts.hpke_seal:.0f} us to seal, {parts.hpke_open:.0f} us to open",
            f"A key ceremony: {found.key_ceremony_ms:.0f} ms for all five trustees together; "
            f"sharing a key anew: {found.resharing_ms:.0f} ms",
        )
    )


class _Registry:
    """An officer, an agency, five trustees and one person, made up anew."""

    def __init__(self) -> None:
        self.officer, agency = generate_signer(), generate_signer()
        self.agency = hpke.generate_recipient()
        self.recipients = {index: hpke.generate_recipient() for index in TRUSTEES}
        self.trustees = TrusteeSet(
            fingerprint(agency.public_key),
            EPOCH,
            THRESHOLD,
            tuple(
                Trustee(index, f"Trustee {index}", "https://trustee.example", agency.public_key, recipient.public_key)
                for index, recipient in self.recipients.items()
            ),
            SPARES,
            self.agency.public_key,
            agency.public_key,
            (),
        )
        self.content = RecordContent(
            CivilStatus(
                Personal("Eriksson"),
                Personal(("Anna", "Maria")),
                None,
                Personal(BirthDate(1974, 8, 12)),
                Personal("99999"),
            ),
            {PURPOSE: tuple(Secret(os.urandom(32)) for _ in range(4))},
            (),
            (),
            Secret(os.urandom(32)),
        )

    def seal(self) -> FreshlySealed:
        return seal_record(
            self.content,
            trustees=self.trustees,
            retention="bench",
            signer=self.officer,
            sealer=fingerprint(self.officer.public_key),
            predecessor=None,
            entropy=os.urandom,
        )

    def open(self, fresh: FreshlySealed) -> RecordContent:
        """Each holder unwraps, and seals to the officer's ephemeral key; the officer opens, checks and combines."""
        record, ephemeral = fresh.signed.unverified, hpke.generate_recipient()
        answers = {}
        for slot in record.quorum.shares[:THRESHOLD]:
            share = unmask_share(
                slot.envelope,
                mask=fresh.masks[slot.index],
                recipient=self.recipients[slot.index],
                record_id=record.record_id,
                number=record.number,
                epoch=EPOCH,
                index=slot.index,
                share_hash=slot.share_hash,
            )
            answers[slot.index] = hpke.seal(ephemeral.public_key, share.reveal(), info=_ANSWER_INFO)
        half = open_agency_half(
            record.agency.envelope,
            recipient=self.agency,
            record_id=record.record_id,
            number=record.number,
            epoch=EPOCH,
        )
        sealed_half = hpke.seal(ephemeral.public_key, half.reveal(), info=_ANSWER_INFO)
        shares = {index: Secret(ephemeral.open_sealed(answer, info=_ANSWER_INFO)) for index, answer in answers.items()}
        for index, share in shares.items():
            check_share(record, share, index=index)
        opened_half = Secret(ephemeral.open_sealed(sealed_half, info=_ANSWER_INFO))
        return open_record(record, shares=shares, agency_half=opened_half)


def _parts(recipient: HybridRecipient, rounds: int) -> PartTime:
    secret, indices = Secret(os.urandom(32)), (*TRUSTEES, *SPARES)
    shares = sharing.split(secret, threshold=THRESHOLD, indices=indices, entropy=os.urandom)
    three = {index: shares[index] for index in TRUSTEES[:THRESHOLD]}
    sealed = hpke.seal(recipient.public_key, secret.reveal(), info=b"")
    return PartTime(
        split=_microseconds(
            lambda: sharing.split(secret, threshold=THRESHOLD, indices=indices, entropy=os.urandom), rounds
        ),
        combine=_microseconds(lambda: sharing.combine(three, threshold=THRESHOLD), rounds),
        recover=_microseconds(
            lambda: share_recovery.contribute(
                shares[1], index=1, target=6, helpers=TRUSTEES[:THRESHOLD], threshold=THRESHOLD, entropy=os.urandom
            ),
            rounds,
        ),
        hpke_seal=_microseconds(lambda: hpke.seal(recipient.public_key, secret.reveal(), info=b""), rounds),
        hpke_open=_microseconds(lambda: recipient.open_sealed(sealed, info=b""), rounds),
    )


@dataclass(frozen=True)
class _Made:
    key: PurposeKey
    shares: Mapping[int, KeyShare]


def _ceremony(recipients: Mapping[int, HybridRecipient], old: _Made | None = None) -> _Made:
    """A key ceremony of all five, honest and undisturbed; with an old key, its refresh."""
    public_keys = {index: recipient.public_key for index, recipient in recipients.items()}
    nonce = os.urandom(32)
    if old is None:
        terms = lookup_prf.generation(purpose=PURPOSE, threshold=THRESHOLD, trustee_keys=public_keys, nonce=nonce)
    else:
        terms = lookup_prf.resharing(
            old.key, threshold=THRESHOLD, receiver_keys=public_keys, dealers=TRUSTEES, nonce=nonce
        )
    states: dict[int, Participant] = {}
    said: list[Message] = []
    for index, recipient in recipients.items():
        held = None if old is None else old.shares[index]
        states[index], first = lookup_prf.join(
            terms, index=index, seed=Secret(os.urandom(32)), recipient=recipient, held=held
        )
        said += first
    while any(state.round is not lookup_prf.Round.DONE for state in states.values()):
        heard, said = said, []
        for index, before in states.items():
            state = before
            for message in heard:
                state = lookup_prf.receive(state, lookup_prf.parse_message(message.encode()))
            states[index], next_ = lookup_prf.advance(state)
            said += next_
    outcomes = [state.outcome for state in states.values() if state.outcome is not None]
    shares = {outcome.share.index: outcome.share for outcome in outcomes if outcome.share is not None}
    return _Made(outcomes[0].key, shares)


def _lookup(made: _Made, rounds: int) -> LookupTime:
    inputs = tuple(Personal(b"person %d" % number) for number in range(COUNT))
    request = lookup_prf.blind(inputs, purpose=PURPOSE, entropy=os.urandom)
    encoded = request.encode()
    answers = {index: lookup_prf.evaluate(made.shares[index], encoded) for index in TRUSTEES[:THRESHOLD]}
    # The first answers with another's points, and a fourth makes up for it.
    lied = {1: answers[2], 2: answers[2], 3: answers[3], 4: lookup_prf.evaluate(made.shares[4], encoded)}
    return LookupTime(
        blind=_microseconds(lambda: lookup_prf.blind(inputs, purpose=PURPOSE, entropy=os.urandom), rounds),
        evaluate=_microseconds(lambda: lookup_prf.evaluate(made.shares[1], encoded), rounds),
        finish=_microseconds(lambda: lookup_prf.finish(request, answers, key=made.key), rounds),
        finish_with_a_liar=_microseconds(lambda: lookup_prf.finish(request, lied, key=made.key), rounds),
    )


def _microseconds(action: Callable[[], object], rounds: int) -> float:
    """The median."""
    times = []
    for _ in range(rounds):
        started = process_time()
        action()
        times.append(process_time() - started)
    return round(median(times) * 1e6, 1)
