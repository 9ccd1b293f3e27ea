"""Policies: the questions a verifier may ask, one small TOML file each.

A policy says what is asked, what for, and which answer counts. It has no member for what to keep: there is nothing
to configure about that. Reading files is left to an adapter.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from diptych.crypto import longfellow
from diptych.errors import FormatError, Refused
from diptych.formats import cbor
from diptych.formats.bbs_credential.question import NOT_REVOKED, VALID, Question, check_question
from diptych.formats.strict_toml import TomlTable, TomlValue, parse_table
from diptych.protocols.openid4vp import dcql, zk
from diptych.protocols.openid4vp.dcql import BbsMeta, ClaimQuery, CredentialQuery, CredentialSet, MdocMeta, Query
from diptych.protocols.openid4vp.registration import LocalizedText, RegisteredClaims, RegisteredUse, parse_text

MAX_BYTES = 64 * 1024
MAX_ALTERNATIVES = 8
MAX_CLAIMS = 32
MAX_NAME = 128
DEFAULT_SKEW_SECONDS = 300
MAX_SKEW_SECONDS = 3600
DEFAULT_LIFETIME_SECONDS = 300
MAX_LIFETIME_SECONDS = 3600
_ID = re.compile(r"[a-z0-9_]{1,64}")
_MEMBERS = frozenset({"id", "name", "purpose", "zk_required", "max_skew_seconds", "lifetime_seconds", "alternatives"})
_ALTERNATIVE_MEMBERS = frozenset({"doc_type", "namespace", "claims", "reveal", "mechanisms", "prove"})


class Mechanism(StrEnum):
    """How an answer is proven, least revealing first."""

    BBS = "bbs"
    LONGFELLOW = "longfellow"
    MDOC = "mdoc"


@dataclass(frozen=True)
class Expectation:
    """One element and the CBOR of the value it must have; None where any value will do and is handed over."""

    identifier: str
    encoded_value: bytes | None = None
    json_value: str | int | bool | None = None


@dataclass(frozen=True)
class Alternative:
    """One document that can answer. docType and namespace are these constants, never what an answer says.

    `statements` are proved by the fast suite (`formats/bbs_credential/question`), "valid" always among them.
    """

    doc_type: str
    namespace: str
    claims: tuple[Expectation, ...]
    mechanisms: tuple[Mechanism, ...]
    statements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """One question."""

    id: str
    name: LocalizedText
    purpose: LocalizedText
    alternatives: tuple[Alternative, ...]
    zk_required: bool
    max_skew: timedelta
    lifetime: timedelta

    def answers(self) -> dict[str, tuple[Alternative, Mechanism]]:
        """Every way to answer by its credential query id, least revealing first."""
        return {
            f"{position}-{mechanism}": (alternative, mechanism)
            for mechanism in Mechanism
            for position, alternative in enumerate(self.alternatives)
            if mechanism in alternative.mechanisms and (mechanism is not Mechanism.MDOC or not self.zk_required)
        }

    @property
    def asks_epochs(self) -> bool:
        """Whether an answer to this question names an epoch."""
        return any(NOT_REVOKED in found.statements for found in self.alternatives)

    def query(self, *, now: datetime, day: date | None = None, epochs: Sequence[str] = ()) -> Query:
        """The question in DCQL: any one of the answers. `day` is the one it is about, if not today's."""
        answers = self.answers()
        credentials = tuple(
            _bbs_credential(query_id, alternative, day or now.date(), epochs)
            if mechanism is Mechanism.BBS
            else _credential(query_id, alternative, mechanism, now)
            for query_id, (alternative, mechanism) in answers.items()
        )
        return Query(credentials, (CredentialSet(tuple((query_id,) for query_id in answers)),))

    def registered_use(self) -> RegisteredUse:
        """What is registered so that wallets let this question pass."""
        claims: list[RegisteredClaims] = []
        for found in self.alternatives:
            names = tuple(claim.identifier for claim in found.claims)
            if found.mechanisms != (Mechanism.BBS,):
                claims.append(RegisteredClaims(found.doc_type, found.namespace, names))
            if Mechanism.BBS in found.mechanisms:
                claims.append(RegisteredClaims(found.doc_type, dcql.BBS, (*found.statements, *names)))
        return RegisteredUse(self.id, self.name, self.purpose, tuple(claims))


def parse(data: bytes) -> Policy:
    """The policy in a TOML file, or `FormatError` that says what to mend."""
    if len(data) > MAX_BYTES:
        raise FormatError("policy.size", f"a policy has at most {MAX_BYTES} bytes")
    table = parse_table(data)
    _only(table, _MEMBERS)
    policy_id = _text(table, "id")
    if not _ID.fullmatch(policy_id):
        raise FormatError("policy.id", "'id' is made of small letters, digits and underscores")
    zk_required = table.get("zk_required", False)
    if not isinstance(zk_required, bool):
        raise FormatError("policy.zk_required", "'zk_required' is true or false")
    alternatives = tuple(_alternative(item) for item in _list(table, "alternatives", MAX_ALTERNATIVES))
    if zk_required and any(found.mechanisms == (Mechanism.MDOC,) for found in alternatives):
        raise FormatError("policy.zk_required", "zero knowledge is required, and an alternative does not offer it")
    return Policy(
        id=policy_id,
        name=_localized(table, "name"),
        purpose=_localized(table, "purpose"),
        alternatives=alternatives,
        zk_required=zk_required,
        max_skew=_seconds(table, "max_skew_seconds", DEFAULT_SKEW_SECONDS, MAX_SKEW_SECONDS),
        lifetime=_seconds(table, "lifetime_seconds", DEFAULT_LIFETIME_SECONDS, MAX_LIFETIME_SECONDS),
    )


def by_id(policies: Iterable[Policy]) -> Mapping[str, Policy]:
    """The policies by id; `FormatError` if two share one or there is none."""
    found: dict[str, Policy] = {}
    for policy in policies:
        if policy.id in found:
            raise FormatError("policy.id", f"two policies are called {policy.id}")
        found[policy.id] = policy
    if not found:
        raise FormatError("policy.none", "there is no policy: a verifier without a question asks nothing")
    return found


def _credential(query_id: str, alternative: Alternative, mechanism: Mechanism, now: datetime) -> CredentialQuery:
    claims = tuple(
        ClaimQuery(
            (alternative.namespace, claim.identifier),
            values=() if claim.json_value is None else (claim.json_value,),
            intent_to_retain=False,
        )
        for claim in alternative.claims
    )
    if mechanism is Mechanism.LONGFELLOW:
        meta = MdocMeta(alternative.doc_type, zk.offer(len(claims), now=now))
        return CredentialQuery(query_id, dcql.MDOC_ZK, meta, claims)
    return CredentialQuery(query_id, dcql.MDOC, MdocMeta(alternative.doc_type), claims)


def _alternative(item: TomlValue) -> Alternative:
    if not isinstance(item, dict):
        raise FormatError("policy.alternatives", "each alternative is a table: [[alternatives]]")
    _only(item, _ALTERNATIVE_MEMBERS)
    expected, reveal = item.get("claims", {}), item.get("reveal", [])
    if not isinstance(expected, dict) or not isinstance(reveal, list):
        raise FormatError("policy.claims", "'claims' is a table of expected values, 'reveal' a list of identifiers")
    claims = (
        *(_expectation(identifier, value) for identifier, value in expected.items()),
        *(Expectation(_name(identifier, "reveal")) for identifier in reveal),
    )
    prove = item.get("prove", [])
    if len(claims) + (1 if prove else 0) == 0 or len(claims) > MAX_CLAIMS:
        raise FormatError("policy.claims", f"an alternative asks for 1 to {MAX_CLAIMS} different claims")
    if len({claim.identifier for claim in claims}) != len(claims):
        raise FormatError("policy.claims", f"an alternative asks for 1 to {MAX_CLAIMS} different claims")
    mechanisms = _mechanisms(item)
    statements = _statements(prove, item, mechanisms)
    # Attributes of the fast suite have no namespace.
    namespace = dcql.BBS if mechanisms == (Mechanism.BBS,) and "namespace" not in item else _text(item, "namespace")
    found = Alternative(_text(item, "doc_type"), namespace, claims, mechanisms, statements)
    if Mechanism.BBS in mechanisms:
        _check_askable(found)
    if Mechanism.LONGFELLOW in found.mechanisms:
        _check_provable(found)
    return found


def _expectation(identifier: str, value: TomlValue) -> Expectation:
    _name(identifier, "claims")
    if isinstance(value, date) and not isinstance(value, datetime):
        return Expectation(identifier, cbor.encode(cbor.FullDate.of(value)))
    if isinstance(value, bool | str) or (isinstance(value, int) and abs(value) < dcql.MAX_INTEGER):
        return Expectation(identifier, cbor.encode(value), value)
    raise FormatError(
        "policy.claims", f"the expected value of {identifier} is a text, a whole number, a boolean or a day"
    )


def _check_provable(alternative: Alternative) -> None:
    """What the circuits cannot prove is refused when the policy loads, not when somebody stands at the counter."""
    try:
        if len(alternative.claims) > longfellow.MAX_CLAIMS:
            raise Refused("zk.claim_count", f"a proof carries at most {longfellow.MAX_CLAIMS} claims")
        for claim in alternative.claims:
            if claim.encoded_value is None:
                longfellow.room_for_value(claim.identifier)
            else:
                longfellow.check_provable(claim.identifier, claim.encoded_value)
    except Refused as error:
        raise FormatError(
            "policy.provable", f'{error.message}; change the claim, or say mechanisms = ["mdoc"]'
        ) from error


def _mechanisms(item: TomlTable) -> tuple[Mechanism, ...]:
    names = item.get("mechanisms", [Mechanism.BBS] if "prove" in item else [Mechanism.LONGFELLOW, Mechanism.MDOC])
    if not isinstance(names, list) or not names or not set(map(str, Mechanism)).issuperset(map(str, names)):
        raise FormatError("policy.mechanisms", f"'mechanisms' lists some of {', '.join(Mechanism)}")
    return tuple(mechanism for mechanism in Mechanism if mechanism in names)


def _statements(prove: TomlValue, item: TomlTable, mechanisms: tuple[Mechanism, ...]) -> tuple[str, ...]:
    texts = [text for text in prove if isinstance(text, str)] if isinstance(prove, list) else []
    if not isinstance(prove, list) or len(texts) != len(prove) or ("prove" in item and not texts):
        raise FormatError("policy.prove", """'prove' lists what is proved, such as ["age >= 18", "not revoked"]""")
    if texts and mechanisms != (Mechanism.BBS,):
        raise FormatError("policy.prove", "only the fast suite proves: leave 'mechanisms' out, or say [\"bbs\"]")
    if Mechanism.BBS not in mechanisms:
        return ()
    # An expired document answers nothing, whether or not anybody thought of asking.
    return tuple(dict.fromkeys((VALID, *texts)))


def _check_askable(alternative: Alternative) -> None:
    names = tuple(claim.identifier for claim in alternative.claims)
    try:
        check_question(Question(alternative.doc_type, alternative.statements, names, date(2000, 1, 1)))
    except FormatError as error:
        raise FormatError("policy.prove", error.message) from error


def _bbs_credential(query_id: str, alternative: Alternative, day: date, epochs: Sequence[str]) -> CredentialQuery:
    claims = tuple(
        ClaimQuery(
            (claim.identifier,),
            values=() if claim.json_value is None else (_number(claim.json_value),),
            intent_to_retain=False,
        )
        for claim in alternative.claims
    )
    named = tuple(epochs) if NOT_REVOKED in alternative.statements else ()
    return CredentialQuery(
        query_id, dcql.BBS, BbsMeta(alternative.doc_type, alternative.statements, day, named), claims
    )


def _number(value: str | int | bool) -> str | int:
    """A boolean is signed as 0 or 1."""
    return int(value) if isinstance(value, bool) else value


def _localized(table: TomlTable, name: str) -> LocalizedText:
    value = table.get(name)
    texts = {key: text for key, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else None
    return parse_text(None if texts is None else {**texts}, f"policy.{name}")


def _seconds(table: TomlTable, name: str, default: int, most: int) -> timedelta:
    value = table.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
        raise FormatError(f"policy.{name}", f"'{name}' is a whole number from 1 to {most}")
    return timedelta(seconds=value)


def _text(table: TomlTable, name: str) -> str:
    return _name(table.get(name), name)


def _name(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not (value.isascii() and value.isprintable()):
        raise FormatError(f"policy.{name}", f"'{name}' must be given, in 1 to {MAX_NAME} printable ASCII characters")
    return value


def _list(table: TomlTable, name: str, most: int) -> list[TomlValue]:
    value = table.get(name)
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise FormatError(f"policy.{name}", f"there are 1 to {most} {name}")
    return value


def _only(table: TomlTable, known: frozenset[str]) -> None:
    # A misspelt `zk_required` must not quietly mean "not required"; a wish to store something has no place here.
    unknown = sorted(set(table) - known)
    if unknown:
        raise FormatError("policy.unknown", f"a policy has no '{unknown[0]}'")
