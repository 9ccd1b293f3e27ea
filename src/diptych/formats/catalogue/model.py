"""What a document type is: its names on the wire, its attributes, and for each of them why it may be collected.

Data only. Reading it from files is left to `parse`, the values of people to `values`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from diptych.crypto.fast_suite.credential import Layout
from diptych.errors import FormatError


class Kind(Enum):
    """The shapes that values have; `kinds` says how each is written in an order file and in a document."""

    TEXT = "text"
    DATE = "date"
    BOOLEAN = "boolean"
    NUMBER = "number"
    COUNTRY = "country"
    COUNTRIES = "countries"
    SEX = "sex"
    PLACE = "place"
    IMAGE = "image"
    PRIVILEGES = "privileges"


class Retention(Enum):
    """How long an attribute stays outside of the citizen's wallet."""

    ORDER = "order"
    """Only in the sealed order, until it is redeemed or expires."""
    RENEWAL = "renewal"
    """In the sealed renewal part, as long as the short-lived proof is renewed."""
    REGISTER = "register"
    """In the sealed record, for the retention period that the register's law sets."""


class Sensitivity(Enum):
    """What harm a disclosure does."""

    LOW = "low"
    """Says little about the person: the issuing country."""
    PERSONAL = "personal"
    """Identifies or describes the person."""
    HIGH = "high"
    """Lends itself to impersonation or discrimination: portrait, numbers, address, status."""


class Rule(Enum):
    """How a derived attribute follows from others; `derived` applies them."""

    AGE_OVER = "age_over"
    CATEGORY_VALID = "category_valid"


@dataclass(frozen=True)
class Bilingual:
    """The same words in English and French."""

    en: str
    fr: str


@dataclass(frozen=True)
class Derived:
    """A rule with its argument: `age_over:18` is `Derived(Rule.AGE_OVER, "18")`."""

    rule: Rule
    argument: str


@dataclass(frozen=True)
class Attribute:
    """One attribute of a type. `specimen` is the value of an invented person, None where the value is derived."""

    identifier: str
    kind: Kind
    names: Bilingual
    purpose: Bilingual
    legal_basis: str
    retention: Retention
    sensitivity: Sensitivity
    provable: bool
    mandatory: bool
    max_length: int
    choices: tuple[str, ...]
    derived: Derived | None
    specimen: object


@dataclass(frozen=True)
class DocumentType:
    """One type of document: one mdoc docType with one namespace (credentials-and-proofs: the circuits bind neither).

    `id` names it in the catalogue, in orders and as OpenID4VCI's credential configuration. A batch has `copies`
    single-use copies, each valid for at most `validity_days`. `proofs` are the ids of the short-lived types that are
    ordered along with this one; those are `renewable`. `layout` is what the fast suite signs of it, in this order, the
    holder secret last and unnamed; None for a type that it does not sign. `layout_rules` derive some of that.
    With `status_list` each copy names its place in a status list: for what lives long; what is renewed every few days
    needs none, and would be recognisable by it.
    """

    id: str
    doc_type: str
    namespace: str
    names: Bilingual
    standard: str
    copies: int
    validity_days: int
    renewable: bool
    proofs: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    layout: Layout | None = None
    layout_rules: Mapping[str, Derived] = field(default_factory=dict)
    status_list: bool = False

    def attribute(self, identifier: str) -> Attribute | None:
        """The attribute of that identifier, if the type has it."""
        return next((attribute for attribute in self.attributes if attribute.identifier == identifier), None)


@dataclass(frozen=True)
class Catalogue:
    """All document types of a deployment, by id."""

    types: Mapping[str, DocumentType]

    def type(self, type_id: str) -> DocumentType:
        """The type of that id; `FormatError` names those there are."""
        found = self.types.get(type_id)
        if found is None:
            known = ", ".join(sorted(self.types))
            raise FormatError("catalogue.type", f"there is no document type of that name; there are: {known}")
        return found

    def by_doc_type(self, doc_type: str) -> DocumentType | None:
        """The type with that mdoc docType, if there is one."""
        return next((found for found in self.types.values() if found.doc_type == doc_type), None)
