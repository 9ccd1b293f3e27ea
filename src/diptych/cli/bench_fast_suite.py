"""What the fast suite costs: proving, verifying and bytes for one job, and how the cost grows.

The job: a credential of 20 messages of which 18 stay hidden; the holder is 18 on the day, not revoked, and known here
by a pseudonym. Times are the processor's (everything runs in one thread), so that a busy machine disturbs little. What
other systems cost for the same question, and printing, are left to `bench`.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import ParamSpec, TypeVar

from diptych.adapters.fast_queue import FastQueue
from diptych.crypto import bbs
from diptych.crypto.bls12381 import G1, encode_scalar, random_scalars
from diptych.crypto.fast_suite import proof, tokens
from diptych.crypto.fast_suite.credential import (
    Field,
    Kind,
    Layout,
    Value,
    VerifiedCredential,
    day_number,
    issue,
    latest_birth_date,
    receive,
    request,
)
from diptych.crypto.fast_suite.proof import (
    Context,
    UnverifiedPresentation,
    VerifiedPresentation,
    prove,
    verify,
    verify_batch,
)
from diptych.crypto.fast_suite.statements import Statement, Witness
from diptych.crypto.fast_suite.statements.disclosure import Disclosure
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.pseudonym import Pseudonym
from diptych.crypto.fast_suite.statements.range import Range
from diptych.errors import DiptychError
from diptych.private import Secret

MESSAGES = 20
DISCLOSED = 2
BATCH = 64
QUEUE_SECONDS = 0.003
"""As the verifier's setting `batch_milliseconds` has it, if nobody changes it."""
POPULATION = 70_000_000

_ON = date(2026, 11, 24)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Spread:
    """Milliseconds of processor time: the median, and the deciles around it."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class FastSuiteResult:
    """One run. `queue64_ms_each` is of 64 that come at once in threads of their own, through the verifier's queue;
    `native_share` is of proving and verifying together; `first_prove_ms` includes making the tables."""

    prove_ms: float
    verify_ms: float
    bytes: int
    batch64_ms_each: float
    queue64_ms_each: float
    native_share: float
    first_prove_ms: float
    prove: Spread
    verify: Spread
    batch64: Spread
    tokens_per_second_per_core: float
    population_core_hours: float


@dataclass(frozen=True)
class Growth:
    """Cost at one size of one dimension."""

    dimension: str
    size: int
    prove_ms: float
    verify_ms: float
    bytes: int


class Job:
    """The issuer, its keys and one holder, ready to prove: everything that is not measured."""

    def __init__(self, messages: int = MESSAGES, digits: int = 2) -> None:
        issuer_sk, issuer_key = _new_key()
        texts = messages - 3  # besides the birth date, the revocation id and the holder secret
        fields = [Field("birth_date", Kind.DATE), Field("revocation_id", Kind.IDENTIFIER)]
        layout = Layout("bench", (*fields, *(Field(f"text_{number}", Kind.TEXT) for number in range(texts))))
        identifier = random_scalars(1, os.urandom)[0]
        values: list[Value] = [date(1990, 5, 17), identifier, *(f"value {number}" for number in range(texts))]
        credential = _issued(issuer_sk, issuer_key, layout, values)

        digit_sk, digit_key = _new_key()
        digit_set = tokens.public_set(range(256), digit_key)
        signed_digits = tokens.verify_set(
            digit_set, tokens.issue_tokens(digit_sk, digit_set.elements), entropy=os.urandom
        )
        self.epoch_sk, epoch_key = _new_key()
        token = tokens.verify_token(epoch_key, identifier, tokens.issue_tokens(self.epoch_sk, [identifier])[0])

        holds = Possession(0, issuer_key, layout)
        adult = day_number(latest_birth_date(age=18, on=_ON))
        self.claims: list[tuple[Statement, Witness]] = [
            (holds, credential),
            *(
                (Disclosure(holds.attribute(f"text_{number}"), Kind.TEXT, f"value {number}"), None)
                for number in range(min(DISCLOSED, texts))
            ),
            (Range(holds.attribute("birth_date"), digit_set, at_most=adult, length=digits), signed_digits),
            (NotRevoked(holds.attribute("revocation_id"), tokens.EpochKey("bench", epoch_key)), token),
            (Pseudonym(holds.holder_secret), None),
        ]
        self.statements = tuple(statement for statement, _ in self.claims)

    def context(self) -> Context:
        return Context(os.urandom(16), "https://verifier.example", "bench")

    def unverified(self) -> UnverifiedPresentation:
        context = self.context()
        return UnverifiedPresentation(prove(self.claims, context, entropy=os.urandom), self.statements, context)

    def check(self, unverified: UnverifiedPresentation) -> None:
        verify(
            unverified.presentation,
            expected_statements=unverified.statements,
            expected_context=unverified.context,
            entropy=os.urandom,
        )


def measure(
    *, rounds: int = 60, progress: Callable[[str], None] | None = None, peer: Callable[[], None] | None = None
) -> FastSuiteResult:
    """One interleaved run: in each round a proof, a verification and, every tenth round, a batch of 64.

    A `peer` that is measured beside it has its turn every tenth round too.
    """
    say = progress or (lambda _: None)
    say("fast suite: keys, tokens and one credential")
    job = Job()
    first_prove = _milliseconds(job.unverified)
    batch = [job.unverified() for _ in range(BATCH)]
    job.check(batch[0])

    prove_times, verify_times, batch_times, queue_times = [], [], [], []
    for number in range(max(rounds, 20)):
        prove_times.append(_milliseconds(job.unverified))
        verify_times.append(_milliseconds(lambda: job.check(batch[0])))
        if number % 10 == 0:
            say(f"fast suite: round {number + 1}")
            batch_times.append(_milliseconds(lambda: verify_batch(batch, entropy=os.urandom)) / BATCH)
            queue_times.append(_milliseconds(lambda: _queued(batch)) / BATCH)
            if peer is not None:
                peer()

    say("fast suite: epoch tokens")
    identifiers = random_scalars(2_000, os.urandom)
    token_ms = _milliseconds(lambda: tokens.issue_tokens(job.epoch_sk, identifiers)) / len(identifiers)
    return FastSuiteResult(
        prove_ms=median(prove_times),
        verify_ms=median(verify_times),
        bytes=len(batch[0].presentation),
        batch64_ms_each=median(batch_times),
        queue64_ms_each=median(queue_times),
        native_share=_native_share(job, batch[0]),
        first_prove_ms=first_prove,
        prove=_spread(prove_times),
        verify=_spread(verify_times),
        batch64=_spread(batch_times),
        tokens_per_second_per_core=1000 / token_ms,
        population_core_hours=POPULATION * token_ms / 3_600_000,
    )


def growth(*, rounds: int = 15) -> list[Growth]:
    """How the cost grows with messages (5..50), the range's digits (1..8) and the batch (1..1,024; times are each)."""
    found = []
    for size in (5, 10, 20, 30, 40, 50):
        found.append(_grown("messages", size, Job(messages=size), rounds))
    for size in (2, 3, 4, 8):
        found.append(_grown("digits", size, Job(digits=size), rounds))
    job = Job()
    batch = [job.unverified() for _ in range(1_024)]
    for size in (1, 4, 16, 64, 256, 1_024):
        part = batch[:size]
        times = [_milliseconds(partial(verify_batch, part, entropy=os.urandom)) / size for _ in range(3)]
        found.append(Growth("batch", size, 0.0, median(times), len(batch[0].presentation)))
    return found


def _grown(dimension: str, size: int, job: Job, rounds: int) -> Growth:
    unverified = job.unverified()
    job.check(unverified)
    return Growth(
        dimension,
        size,
        median(_milliseconds(job.unverified) for _ in range(rounds)),
        median(_milliseconds(lambda: job.check(unverified)) for _ in range(rounds)),
        len(unverified.presentation),
    )


def _queued(batch: Sequence[UnverifiedPresentation]) -> None:
    """Everybody comes at once, each in a thread, and gets an answer of their own."""

    def verified(
        members: Sequence[tuple[bytes, UnverifiedPresentation]],
    ) -> Sequence[VerifiedPresentation | DiptychError]:
        return verify_batch([one for _, one in members], entropy=os.urandom)

    queue = FastQueue(verified, seconds=QUEUE_SECONDS)
    with ThreadPoolExecutor(len(batch)) as threads:
        for one in [threads.submit(queue, one.presentation, one) for one in batch]:
            one.result()


def _native_share(job: Job, unverified: UnverifiedPresentation, rounds: int = 40) -> float:
    """The share of proving and verifying that is spent behind the door to the two libraries."""
    clock = _Clock()
    with clock.watching():
        started = perf_counter()
        for _ in range(rounds):
            job.unverified()
            job.check(unverified)
        total = perf_counter() - started
    return clock.inside / total


class _Clock:
    """Time inside group operations; one that is called by another counts once."""

    def __init__(self) -> None:
        self.inside = 0.0
        self._depth = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        doors: list[tuple[object, str]] = [
            (proof, name) for name in ("parse_g1", "sum_fixed", "sum_public", "sum_secret")
        ]
        doors += [(proof, "pairing_product_is_one"), (G1, "__mul__"), (G1, "__add__"), (G1, "encode")]
        untimed = [(owner, name, getattr(owner, name)) for owner, name in doors]
        try:
            for owner, name, function in untimed:
                setattr(owner, name, self._timed(function))
            yield
        finally:
            for owner, name, function in untimed:
                setattr(owner, name, function)

    def _timed(self, function: Callable[P, R]) -> Callable[P, R]:
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            self._depth += 1
            started = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.inside += perf_counter() - started

        return timed


def _new_key() -> tuple[Secret, bytes]:
    sk = Secret(bbs.keygen(os.urandom(32)))
    return sk, tokens.token_public_key(sk)


def _issued(sk: Secret, key: bytes, layout: Layout, values: list[Value]) -> VerifiedCredential:
    secret = Secret(encode_scalar(random_scalars(1, os.urandom)[0]))
    commitment, blind = request(secret, entropy=os.urandom)
    signature = issue(sk, key, layout, values, commitment)
    return receive(signature, issuer_key=key, layout=layout, values=values, holder_secret=secret, blind=blind)


def _milliseconds(action: Callable[[], object]) -> float:
    started = process_time()
    action()
    return (process_time() - started) * 1000


def _spread(times: list[float]) -> Spread:
    deciles = quantiles(times, n=10, method="inclusive")
    return Spread(median(times), deciles[0], deciles[-1])
