"""Answering with the fast suite: what this wallet could prove, and the proof once the person agrees.

Any document that says what is asked does: which one, and all the rest of it, stays here. Choosing among mechanisms is
left to `planning`, consent and sending to `presenting`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto.bls12381 import G1
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.credential import Value
from diptych.crypto.fast_suite.proof import Context, prove
from diptych.crypto.fast_suite.statements import Statement, Witness
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.tokens import EpochKey, SignedSet, verify_token
from diptych.errors import FormatError, Refused
from diptych.formats.bbs_credential.presentation import encode_answer
from diptych.formats.bbs_credential.question import (
    Keys,
    Question,
    can_ask,
    check_day,
    check_question,
    statements,
)
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.protocols.openid4vp.dcql import BbsMeta, CredentialQuery
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Document, EpochToken
from diptych.roles.wallet.proving import Held, fast_suite_trust, open_held

ACCESS_DENIED = "access_denied"


@dataclass(frozen=True)
class FastCandidate:
    """A document that the fast suite can answer a query with."""

    document: Document
    question: Question
    held: Held
    trust: FastSuiteTrust
    token: EpochToken | None

    def disclosed(self) -> dict[str, Value]:
        """The value of each attribute that is asked for."""
        named = dict(
            zip([one.name for one in self.held.credential.layout.fields], self.held.issued.values.reveal(), strict=True)
        )
        return {name: named[name] for name in self.question.disclosed}

    def statements(self) -> tuple[Statement, ...]:
        """What would be proved. `FormatError` for a question that this document cannot answer."""
        epoch = None if self.token is None else EpochKey(self.token.epoch, self.token.key)
        keys = Keys(self.held.issued.issuer_key, self.held.credential.layout, self.trust.digits, epoch)
        return statements(self.question, keys, self.disclosed())


def fit(contents: Contents, credential: CredentialQuery, meta: BbsMeta, now: datetime) -> FastCandidate:
    """The newest document that answers the query; `Refused` naming what stands in the way."""
    names = tuple(str(claim.path[0]) for claim in credential.claims)
    question = Question(meta.doctype_value, meta.statements, names, meta.on)
    trust = fast_suite_trust(contents)
    try:
        check_question(question)
    except FormatError as error:
        raise Refused(error.check, error.message, code=ACCESS_DENIED) from error
    check_day(question, now.date())
    named = meta.doctype_value if meta.doctype_value.isprintable() else "that is asked for"
    obstacle = Refused("wallet.no_document", f"this wallet has no document of the type {named}", code=ACCESS_DENIED)
    for document in contents.documents():
        if document.doc_type == meta.doctype_value and contents.proving(document.id) is not None and trust is not None:
            try:
                return _fit(contents, document, credential, question, trust, now=now)
            except Refused as error:
                obstacle = Refused(error.check, error.message, code=ACCESS_DENIED)
    raise obstacle


def answer(candidate: FastCandidate, verified: VerifiedRequest, digits: SignedSet, *, entropy: Entropy) -> bytes:
    """The encoded answer, for this verifier and this request alone; `Refused` if something asked is not true."""
    claims: list[tuple[Statement, Witness]] = []
    for statement in candidate.statements():
        witness: Witness = None
        if isinstance(statement, Possession):
            witness = candidate.held.credential
        elif isinstance(statement, Range):
            witness = digits
        elif isinstance(statement, NotRevoked) and candidate.token is not None:
            witness = _token_point(candidate)
        claims.append((statement, witness))
    use = "" if verified.use is None else verified.use.id
    # The scope is who the access authority says that asks: no verifier gets another's pseudonym.
    context = Context(hashlib.sha256(verified.transcript()).digest(), verified.verifier.scope, use)
    return encode_answer(
        candidate.held.credential.layout,
        issuer_key=candidate.held.issued.issuer_key,
        epoch=None if candidate.token is None else candidate.token.epoch,
        disclosed=candidate.disclosed(),
        proof=prove(claims, context, entropy=entropy),
    )


def _fit(
    contents: Contents,
    document: Document,
    credential: CredentialQuery,
    question: Question,
    trust: FastSuiteTrust,
    *,
    now: datetime,
) -> FastCandidate:
    held = open_held(contents, document, trust)
    if not can_ask(held.credential.layout, question.phrases, question.disclosed):
        raise Refused("wallet.claims", "the document does not say what is asked")
    token = _token(contents, document, credential, now) if question.asks_not_revoked else None
    candidate = FastCandidate(document, question, held, trust, token)
    disclosed = candidate.disclosed()
    if not all(claim.matches(_json(disclosed[str(claim.path[0])])) for claim in credential.claims):
        raise Refused("wallet.claims", "the document does not say what is asked")
    _check_true(candidate)
    return candidate


def _check_true(candidate: FastCandidate) -> None:
    """`Refused` if a range that is asked does not hold: told before anybody is asked to agree."""
    scalars = candidate.held.credential.scalars
    for statement in candidate.statements():
        if isinstance(statement, Range):
            value, window = scalars[statement.attribute.position], len(statement.digits.elements) ** statement.length
            low = 0 if statement.at_least is None else statement.at_least
            high = (1 << 64) if statement.at_most is None else statement.at_most
            if not (low <= value <= high and min(value - low, abs(high - value)) < window):
                raise Refused("wallet.claims", "what is asked is not true of the document")


def _token(contents: Contents, document: Document, credential: CredentialQuery, now: datetime) -> EpochToken:
    """The newest token of an epoch that the verifier accepts."""
    for token in contents.tokens(document.id):
        if isinstance(credential.meta, BbsMeta) and token.epoch in credential.meta.epochs and now < token.ends:
            return token
    raise Refused(
        "wallet.no_token",
        "nothing here says yet that the document stands in the present epoch: run `diptych wallet tokens`, and if that"
        " brings none, the document was revoked",
    )


def _token_point(candidate: FastCandidate) -> G1:
    assert candidate.token is not None
    position = candidate.held.credential.layout.index("revocation_id")
    value = candidate.held.credential.scalars[position]
    return verify_token(candidate.token.key, value, candidate.token.token.reveal())


def _json(value: Value) -> str | int | None:
    return value if value is None or isinstance(value, str | int) else value.isoformat()
