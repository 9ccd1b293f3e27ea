"""One issuer, one specimen holder, an epoch, digits and a set of countries: what the fast suite's tests speak about."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from diptych.crypto import bbs
from diptych.crypto.bls12381 import G1, encode_scalar, random_scalars
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
    to_scalar,
)
from diptych.crypto.fast_suite.proof import Context, VerifiedPresentation, prove, verify
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Statement, Witness
from diptych.crypto.fast_suite.statements.disclosure import Disclosure
from diptych.crypto.fast_suite.statements.membership import Membership
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.pseudonym import Pseudonym
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.system import System
from diptych.crypto.fast_suite.tokens import (
    EpochKey,
    issue_tokens,
    public_set,
    token_public_key,
    verify_set,
    verify_token,
)
from diptych.private import Secret

Claims = list[tuple[Statement, Witness]]

TODAY = date(2026, 11, 24)


def new_key() -> tuple[Secret, bytes]:
    sk = Secret(bbs.keygen(os.urandom(32)))
    return sk, token_public_key(sk)


def new_secret() -> Secret:
    return Secret(encode_scalar(random_scalars(1, os.urandom)[0]))


ISSUER_SK, ISSUER_KEY = new_key()
EPOCH_SK, EPOCH_PK = new_key()
DIGITS_SK, DIGITS_PK = new_key()
COUNTRIES_SK, COUNTRIES_PK = new_key()

LAYOUT = Layout(
    "example.utopia.licence",
    (
        Field("family_name", Kind.TEXT),
        Field("birth_date", Kind.DATE),
        Field("expiry_date", Kind.DATE),
        Field("nationality", Kind.TEXT),
        Field("points", Kind.INTEGER),
        Field("revocation_id", Kind.IDENTIFIER),
    ),
)


@dataclass(frozen=True)
class Holder:
    secret: Secret
    revocation_id: int
    credential: VerifiedCredential
    token: G1


def enrol(secret: Secret, layout: Layout = LAYOUT, **changes: Value) -> Holder:
    """A holder with a credential of the specimen, changed as said, and a token for the epoch."""
    revocation_id = random_scalars(1, os.urandom)[0]
    specimen: dict[str, Value] = {
        "family_name": "Eriksson",
        "birth_date": date(1990, 5, 17),
        "expiry_date": date(2030, 1, 1),
        "nationality": "UTO",
        "points": 12,
        "revocation_id": revocation_id,
    } | changes
    values = [specimen[field.name] for field in layout.fields]
    commitment, blind = request(secret, entropy=os.urandom)
    signature = issue(ISSUER_SK, ISSUER_KEY, layout, values, commitment)
    credential = receive(
        signature, issuer_key=ISSUER_KEY, layout=layout, values=values, holder_secret=secret, blind=blind
    )
    token = verify_token(EPOCH_PK, revocation_id, issue_tokens(EPOCH_SK, [revocation_id])[0])
    return Holder(secret, revocation_id, credential, token)


ERIKSSON = enrol(new_secret())
OTHER = enrol(new_secret(), family_name="Mustermann", birth_date=date(2010, 5, 17), nationality="D")

DIGITS = public_set(range(256), DIGITS_PK)
SIGNED_DIGITS = verify_set(DIGITS, issue_tokens(DIGITS_SK, DIGITS.elements), entropy=os.urandom)
COUNTRIES = public_set([to_scalar(Kind.TEXT, name) for name in ("UTO", "FR", "D")], COUNTRIES_PK)
SIGNED_COUNTRIES = verify_set(COUNTRIES, issue_tokens(COUNTRIES_SK, COUNTRIES.elements), entropy=os.urandom)
EPOCH = EpochKey("2026-11-24", EPOCH_PK)

POSSESSION = Possession(0, ISSUER_KEY, LAYOUT)
ADULT = Range(POSSESSION.attribute("birth_date"), DIGITS, at_most=day_number(latest_birth_date(age=18, on=TODAY)))
VALID = Range(POSSESSION.attribute("expiry_date"), DIGITS, at_least=day_number(TODAY))
NOT_REVOKED = NotRevoked(POSSESSION.attribute("revocation_id"), EPOCH)
SAME_CUSTOMER = Pseudonym(POSSESSION.holder_secret, "loyalty")
FROM_HERE = Membership(POSSESSION.attribute("nationality"), COUNTRIES)
NAMED = Disclosure(POSSESSION.attribute("family_name"), Kind.TEXT, "Eriksson")

CONTEXT = Context(b"0123456789abcdef", "https://verifier.example", "older than 18")


def everything(holder: Holder = ERIKSSON) -> Claims:
    """One statement of each kind about one credential."""
    return [
        (POSSESSION, holder.credential),
        (NAMED, None),
        (ADULT, SIGNED_DIGITS),
        (VALID, SIGNED_DIGITS),
        (NOT_REVOKED, holder.token),
        (FROM_HERE, SIGNED_COUNTRIES),
        (SAME_CUSTOMER, None),
    ]


def proved(claims: Claims, context: Context = CONTEXT) -> bytes:
    return prove(claims, context, entropy=os.urandom)


def accepted(presentation: bytes, claims: Claims, context: Context = CONTEXT) -> VerifiedPresentation:
    return verify(
        presentation,
        expected_statements=[statement for statement, _ in claims],
        expected_context=context,
        entropy=os.urandom,
    )


class Lie:
    """A statement whose prover sends what it likes: the same in public, other points and secrets."""

    def __init__(self, honest: Statement, points: Sequence[G1], secrets: Sequence[int]) -> None:
        self._honest = honest
        self._assignment = Assignment(points, secrets)

    def describe(self) -> bytes:
        return self._honest.describe()

    def link(self, system: System) -> None:
        self._honest.link(system)

    def relate(self, system: System) -> None:
        self._honest.relate(system)

    def assign(self, witness: Witness, knowledge: Knowledge) -> Assignment:
        return self._assignment


def altered(credential: VerifiedCredential, name: str, scalar: int) -> VerifiedCredential:
    """The same signature, over another value of this attribute."""
    scalars = list(credential.scalars)
    scalars[credential.layout.index(name)] = scalar
    return VerifiedCredential(
        credential.issuer_key,
        credential.layout,
        tuple(scalars),
        a=credential.a,
        e=credential.e,
        b=credential.b,
    )
