"""What passes over the counter of the sealed registry: found, enrolled, opened, erased; who was named on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.record.content import RecordContent
from diptych.private import Secret
from diptych.protocols.depositing.erasure import Deletion, ErasureOrder


@dataclass(frozen=True)
class Found:
    """Records that may be this person's: a reason to look, never proof. `values` are the person's, for enrolling.

    `named`: trustees that did not answer or lied, by index, with the check that says so; here and below.
    """

    matches: tuple[bytes, ...]
    values: tuple[Secret, ...] = field(repr=False)
    named: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Enrolled:
    """A record that is stored, logged, and confirmed or about to be. `content` is for the citizen alone."""

    record_id: bytes
    number: int
    record_hash: bytes
    content: RecordContent = field(repr=False)


@dataclass(frozen=True)
class Read:
    """A record that was opened, on this screen."""

    record_id: bytes
    number: int
    record_hash: bytes
    content: RecordContent = field(repr=False)
    named: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reason:
    """Why a record is opened, as the log commits to it and every holder reads it."""

    legal_basis: str
    purpose: str
    case: str
    court_order: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Erased:
    """A record that no quorum opens any more, by what these trustees say. `statements` by name, for the citizen.

    Whoever is in `named` may still have its mask: erase again.
    """

    order: UnverifiedStatement[ErasureOrder]
    statements: Mapping[str, UnverifiedStatement[Deletion]]
    named: Mapping[int, str] = field(default_factory=dict)
