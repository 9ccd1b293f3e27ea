"""Whether an answer of the fast suite is true, was asked for, and is what the policy wants; singly or in batches.

What the verifier keeps of it is left to `service`: a verdict, and a pseudonym only where the policy asked for one.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.credential import Value
from diptych.crypto.fast_suite.proof import (
    Context,
    UnverifiedPresentation,
    VerifiedPresentation,
    verify,
    verify_batch,
)
from diptych.errors import DiptychError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.bbs_credential.epoch import Epoch
from diptych.formats.bbs_credential.presentation import parse_answer
from diptych.formats.bbs_credential.question import Keys, Question, statements
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.formats.cbor import FullDate
from diptych.private import Personal
from diptych.roles.verifier.policy import Alternative

PSEUDONYM = "pseudonym"


@dataclass(frozen=True)
class ExpectedFast:
    """What the verifier expects, all of it from its own side. `scope` is who it is to pseudonyms."""

    policy: str
    alternative: Alternative
    day: date
    scope: str
    transcript: bytes = field(repr=False)
    trust: FastSuiteTrust | None
    epochs: Sequence[Epoch]


FastCheck: TypeAlias = Callable[[bytes, ExpectedFast], Mapping[str, Personal[bytes]]]
"""`verify_fast`, alone or in a queue with others: returns or raises for this answer alone."""


@dataclass(frozen=True)
class _Prepared:
    unverified: UnverifiedPresentation
    revealed: Mapping[str, Personal[bytes]]
    asks_pseudonym: bool


def verify_fast(presentation: bytes, expected: ExpectedFast, *, entropy: Entropy) -> dict[str, Personal[bytes]]:
    """What the answer reveals, CBOR by name, once all of this holds; a pseudonym is 96 hexadecimal digits.

    1. It says it is of the document type asked for, of a key believed for that type.
    2. It names an epoch if one was asked for, and one that is accepted now; else none.
    3. It discloses exactly what was asked for, and expected values are the expected ones.
    4. It proves our own question: our statements, in our policy, for us, under our transcript.
    """
    prepared = _prepare(presentation, expected)
    verified = verify(
        prepared.unverified.presentation,
        expected_statements=prepared.unverified.statements,
        expected_context=prepared.unverified.context,
        entropy=entropy,
    )
    return _revealed(prepared, verified)


def verify_fast_batch(
    batch: Sequence[tuple[bytes, ExpectedFast]], *, entropy: Entropy
) -> list[dict[str, Personal[bytes]] | DiptychError]:
    """For each answer of a queue, in order, what `verify_fast` returns or raises: bad members are named, and cost the
    others little (a batch of 64 takes less than half the time of 64 answers)."""
    results: list[dict[str, Personal[bytes]] | DiptychError | None] = [None] * len(batch)
    prepared: list[tuple[int, _Prepared]] = []
    for number, (presentation, expected) in enumerate(batch):
        try:
            prepared.append((number, _prepare(presentation, expected)))
        except DiptychError as error:
            results[number] = error
    checked = verify_batch([one.unverified for _, one in prepared], entropy=entropy)
    for (number, one), outcome in zip(prepared, checked, strict=True):
        results[number] = _revealed(one, outcome) if isinstance(outcome, VerifiedPresentation) else outcome
    return [result for result in results if result is not None]


def _prepare(presentation: bytes, expected: ExpectedFast) -> _Prepared:
    unverified, alternative = parse_answer(presentation), expected.alternative
    # 1.
    if unverified.document_type != alternative.doc_type:
        raise VerificationError("bbs.document_type", "the answer is about another type of document than was asked for")
    if expected.trust is None:
        raise VerificationError("bbs.trust", "no keys of the fast suite are believed here")
    keys = expected.trust.type(alternative.doc_type)
    issuer_key = keys.by_id(unverified.key_id)
    # 2.
    names = tuple(claim.identifier for claim in alternative.claims)
    question = Question(alternative.doc_type, alternative.statements, names, expected.day)
    epoch = next((one for one in expected.epochs if one.name == unverified.epoch), None)
    if question.asks_not_revoked != (epoch is not None) or (unverified.epoch is not None and epoch is None):
        raise VerificationError("bbs.epoch", "the answer is about an epoch that is not accepted now")
    # 3.
    values = unverified.values(keys.layout)
    if set(values) != set(names):
        raise VerificationError("bbs.claims", "the answer discloses other attributes than those asked for")
    revealed: dict[str, Personal[bytes]] = {}
    for claim in alternative.claims:
        value = values[claim.identifier].reveal()
        if claim.encoded_value is None:
            revealed[claim.identifier] = Personal(cbor.encode(_to_cbor(value)))
        elif value is None or cbor.encode(_to_cbor(value)) != _as_signed(claim.encoded_value):
            raise Refused("policy.value", f"{claim.identifier} does not have the value that the policy asks for")
    # 4.
    with_keys = Keys(issuer_key, keys.layout, expected.trust.digits, None if epoch is None else epoch.epoch_key)
    disclosed = {name: value.reveal() for name, value in values.items()}
    return _Prepared(
        UnverifiedPresentation(unverified.proof, statements(question, with_keys, disclosed), context_of(expected)),
        revealed,
        question.asks_pseudonym,
    )


def context_of(expected: ExpectedFast) -> Context:
    """What the proof is bound to: this request, this verifier, this policy."""
    return Context(hashlib.sha256(expected.transcript).digest(), expected.scope, expected.policy)


def _revealed(prepared: _Prepared, verified: VerifiedPresentation) -> dict[str, Personal[bytes]]:
    if not prepared.asks_pseudonym:
        return dict(prepared.revealed)
    (pseudonym,) = verified.pseudonyms
    return {**prepared.revealed, PSEUDONYM: Personal(cbor.encode(pseudonym.hex()))}


def _to_cbor(value: Value) -> FullDate | int | str | None:
    return FullDate.of(value) if isinstance(value, date) else value


def _as_signed(encoded_value: bytes) -> bytes:
    """The policy's value as the fast suite signs it: a boolean is 0 or 1."""
    value = cbor.decode(encoded_value)
    return cbor.encode(int(value)) if isinstance(value, bool) else encoded_value
