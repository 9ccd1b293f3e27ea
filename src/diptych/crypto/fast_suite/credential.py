"""The credential behind the fast suite: a blind BBS signature on typed attributes and a holder secret.

It is signed by an interface of our own over the drafts' operations (draft-irtf-cfrg-bbs-signatures-09, 3.8), because an
inequality needs the *number* under the signature, not its hash: an attribute's kind, fixed by its position and bound by
the header, says how it becomes a scalar (6.8). What attributes a document type has, and how a credential is stored or
sent, is left to `formats`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from functools import cache, cached_property, lru_cache

from diptych.crypto.bbs.blind import blind_generators, core_blind_sign, core_commit
from diptych.crypto.bbs.core import calculate_b, core_verify
from diptych.crypto.bbs.suite import CIPHERSUITE_ID, calculate_domain, octets_to_signature, p1
from diptych.crypto.bls12381 import G1, G1_BYTES, ORDER, SCALAR_BYTES, FixedBase, hash_to_scalar, parse_nonzero_scalar
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, Refused
from diptych.private import Secret

API_ID = CIPHERSUITE_ID + b"H2G_TM2S_DIPTYCH-V1_"
"""TM2S: messages become scalars by their type. Separates these signatures from those of every other interface."""

MAX_ATTRIBUTES = 64
INTEGER_LIMIT = 1 << 64
COMMITMENT_BYTES = G1_BYTES + 3 * SCALAR_BYTES

_HEADER_TAG = b"diptych fast suite credential v1"


class Kind(Enum):
    """How an attribute becomes a scalar."""

    INTEGER = b"i"  # itself: 0 to 2^64 - 1
    DATE = b"d"  # its day number: 1 is 1 January of year 1, proleptic Gregorian
    TEXT = b"t"  # hashed, as the draft hashes messages
    IDENTIFIER = b"r"  # a random scalar that is never disclosed: the revocation id
    SECRET = b"s"  # the holder's, committed and never seen by the issuer
    BLIND = b"b"  # of the commitment: signed, and nothing is ever said about it


Value = int | date | str | None
"""What an attribute is before it is a scalar. None: this document does not have it."""


@dataclass(frozen=True)
class Field:
    """One attribute of a layout."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Layout:
    """Which attributes a document type has, in order. One for each type, never one for a person; see `check`."""

    document_type: str
    fields: tuple[Field, ...]

    @cached_property
    def header(self) -> bytes:
        """What the signature binds besides the attributes, injectively encoded; every verifier sees it."""
        parts = [_HEADER_TAG, self.document_type.encode()]
        for field in self.fields:
            parts += [field.name.encode(), field.kind.value]
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)

    def index(self, name: str) -> int:
        """Where the attribute `name` stands; FormatError when there is none."""
        for index, field in enumerate(self.fields):
            if field.name == name:
                return index
        raise FormatError("fast_suite.attribute", "this document type has no such attribute")

    @property
    def blind_index(self) -> int:
        return len(self.fields)

    @property
    def holder_secret_index(self) -> int:
        return len(self.fields) + 1

    @property
    def size(self) -> int:
        """How many scalars are signed: the attributes, the commitment's blind and the holder secret."""
        return len(self.fields) + 2

    def kind(self, index: int) -> Kind:
        if index < len(self.fields):
            return self.fields[index].kind
        return Kind.BLIND if index == self.blind_index else Kind.SECRET

    def check(self) -> None:
        """FormatError for a layout that nothing is signed under."""
        if len(self.fields) > MAX_ATTRIBUTES or len({field.name for field in self.fields}) != len(self.fields):
            raise FormatError("fast_suite.layout", f"at most {MAX_ATTRIBUTES} attributes, each with its own name")
        if any(field.kind in (Kind.SECRET, Kind.BLIND) for field in self.fields):
            raise FormatError("fast_suite.layout", "a secret is committed by its holder, not signed as an attribute")


class VerifiedCredential:
    """A credential whose signature its holder has verified. Only `receive` makes one; its repr says nothing."""

    __slots__ = ("a", "b", "e", "issuer_key", "layout", "scalars")

    def __init__(self, issuer_key: bytes, layout: Layout, scalars: tuple[int, ...], *, a: G1, e: int, b: G1) -> None:
        self.issuer_key = issuer_key
        self.layout = layout
        self.scalars = scalars
        self.a = a
        self.e = e
        self.b = b  # what was signed: kept, so that a proof does not add it up again

    def __repr__(self) -> str:
        return "<secret credential>"


def day_number(day: date) -> int:
    """The integer under the signature for a date."""
    return day.toordinal()


def latest_birth_date(*, age: int, on: date) -> date:
    """The last birth date with which someone is `age` on that day; 29 February has its birthday on 1 March."""
    try:
        return on.replace(year=on.year - age)
    except ValueError:
        return on.replace(year=on.year - age, day=28)


def to_scalar(kind: Kind, value: Value) -> int:
    """The scalar for a value of this kind; `Refused` when it does not fit."""
    if value is None:
        # Outside every range and every set: a proof about an absent attribute cannot be made.
        return hash_to_scalar(b"", API_ID + b"ABSENT_")
    match kind, value:
        case Kind.TEXT, str():
            return hash_to_scalar(value.encode(), API_ID + b"MAP_MSG_TO_SCALAR_AS_HASH_")
        case Kind.DATE, date():
            return day_number(value)
        case Kind.INTEGER, int() if 0 <= value < INTEGER_LIMIT:
            return value
        case ((Kind.IDENTIFIER | Kind.SECRET), int()) if 0 < value < ORDER:
            return value
    raise Refused("fast_suite.value", f"not a value for an attribute of kind {kind.name}, or out of its bounds")


def request(holder_secret: Secret, *, entropy: Entropy) -> tuple[bytes, Secret]:
    """Holder: (commitment with its proof, blind). The commitment goes to the issuer, the blind stays here."""
    commitment, blind = core_commit([parse_nonzero_scalar(holder_secret.reveal())], API_ID, entropy=entropy)
    return commitment, Secret(blind)


def issue(sk: Secret, issuer_key: bytes, layout: Layout, values: Sequence[Value], commitment: bytes) -> bytes:
    """Issuer: the 80-byte signature on the values and on the secret in the commitment, which it does not learn.

    Not checked: that the holder secret is the one of an earlier document (`statements.committed` proves that).
    """
    if len(commitment) != COMMITMENT_BYTES:
        raise FormatError("fast_suite.commitment", "a commitment to one holder secret and its proof")
    return core_blind_sign(sk.reveal(), issuer_key, commitment, layout.header, _scalars(layout, values), API_ID)


def receive(
    signature: bytes,
    *,
    issuer_key: bytes,
    layout: Layout,
    values: Sequence[Value],
    holder_secret: Secret,
    blind: Secret,
) -> VerifiedCredential:
    """Holder: the credential, when the signature holds; else `VerificationError`."""
    known = _scalars(layout, values)
    scalars = (*known, parse_nonzero_scalar(blind.reveal()), parse_nonzero_scalar(holder_secret.reveal()))
    generators = signed_generators(len(layout.fields))
    core_verify(issuer_key, signature, generators, layout.header, scalars, API_ID)
    parsed = octets_to_signature(signature)
    b = calculate_b(generators, signed_domain(issuer_key, layout.header, len(layout.fields)), scalars)
    return VerifiedCredential(issuer_key, layout, scalars, a=parsed.a, e=parsed.e, b=b)


def signed_generators(attribute_count: int) -> tuple[G1, ...]:
    """(Q_1, H_1 ... H_L, Q_2, J_1)."""
    return blind_generators(attribute_count, 1, API_ID)


@lru_cache(maxsize=1_024)
def signed_domain(issuer_key: bytes, header: bytes, attribute_count: int) -> int:
    return calculate_domain(issuer_key, signed_generators(attribute_count), header, API_ID)


@cache
def fixed_base(point: G1) -> FixedBase:
    """The one table for a generator, whoever multiplies it."""
    return FixedBase(point)


@cache
def fixed_generators(attribute_count: int) -> tuple[FixedBase, ...]:
    """(P1, Q_1, H_1 ... H_L, Q_2, J_1) with their tables."""
    return tuple(fixed_base(point) for point in (p1(), *signed_generators(attribute_count)))


def _scalars(layout: Layout, values: Sequence[Value]) -> list[int]:
    layout.check()
    if len(values) != len(layout.fields):
        raise Refused("fast_suite.layout", "one value for each attribute")
    return [to_scalar(field.kind, value) for field, value in zip(layout.fields, values, strict=True)]
