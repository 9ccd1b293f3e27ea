"""The Digital Credentials Query Language (OpenID4VP 1.0, 6): what a verifier asks for.

Reads a query, chooses what would answer it, and checks what was answered. Whether the answers are true is left to
the formats, whether they may be given to the person.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import bbs_credential, strict_json
from diptych.formats.bbs_credential.question import check_phrase
from diptych.formats.strict_json import Json
from diptych.protocols.openid4vp import zk
from diptych.protocols.openid4vp.zk import ZkSystem

MDOC = "mso_mdoc"
MDOC_ZK = zk.FORMAT
SD_JWT = "dc+sd-jwt"
BBS = bbs_credential.FORMAT

MAX_CREDENTIALS = 32
MAX_CLAIMS = 64
MAX_OPTIONS = 64
MAX_PATH = 16
MAX_VALUES = 64
MAX_TEXT = 256
MAX_INTEGER = 1 << 53

Path: TypeAlias = tuple[str | int | None, ...]
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True)
class ClaimQuery:
    """One claim (6.3). For an mdoc the path is (namespace, element identifier)."""

    path: Path
    values: tuple[str | int | bool, ...] = ()
    id: str | None = None
    intent_to_retain: bool | None = None

    def matches(self, value: object) -> bool:
        """Whether a value, already converted to JSON, satisfies `values`: type and value both match exactly."""
        return not self.values or any(type(value) is type(wanted) and value == wanted for wanted in self.values)


@dataclass(frozen=True)
class MdocMeta:
    """B.2.3, with the circuits that `mso_mdoc_zk` adds (empty for plain `mso_mdoc`)."""

    doctype_value: str
    zk_systems: tuple[ZkSystem, ...] = ()


@dataclass(frozen=True)
class BbsMeta:
    """`bbs_zk` (docs/spec/bbs-credential.md): what is proved beside the claims, on which day, in which epochs."""

    doctype_value: str
    statements: tuple[str, ...]
    on: date
    epochs: tuple[str, ...] = ()


@dataclass(frozen=True)
class SdJwtMeta:
    """B.3.5."""

    vct_values: tuple[str, ...]


@dataclass(frozen=True)
class UnknownMeta:
    """The meta of a format that nobody here can answer."""

    encoded: bytes


@dataclass(frozen=True)
class TrustedAuthorities:
    """6.1.1. Only `aki` is evaluated here (HAIP 1.0, 5): base64url authority key identifiers."""

    type: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class CredentialQuery:
    """One credential asked for (6.1)."""

    id: str
    format: str
    meta: MdocMeta | BbsMeta | SdJwtMeta | UnknownMeta
    claims: tuple[ClaimQuery, ...] = ()
    claim_sets: tuple[tuple[str, ...], ...] = ()
    trusted_authorities: tuple[TrustedAuthorities, ...] = ()
    multiple: bool = False
    require_cryptographic_holder_binding: bool = True


@dataclass(frozen=True)
class CredentialSet:
    """Alternatives, each a set of credential query ids (6.2)."""

    options: tuple[tuple[str, ...], ...]
    required: bool = True


@dataclass(frozen=True)
class Query:
    """A whole DCQL query. Its ids are unique and its references resolve."""

    credentials: tuple[CredentialQuery, ...]
    credential_sets: tuple[CredentialSet, ...] = ()

    def credential(self, query_id: str) -> CredentialQuery:
        """The credential query of that id, which must be one of this query's."""
        return next(credential for credential in self.credentials if credential.id == query_id)


def parse(value: Json) -> Query:
    """The query in a JSON value, or `FormatError`. Unknown properties are ignored (6)."""
    members = _object(value, "dcql_query")
    credentials = tuple(_credential(item) for item in _list(members, "credentials", MAX_CREDENTIALS))
    ids = [credential.id for credential in credentials]
    if len(set(ids)) != len(ids):
        raise _malformed("ids", "each credential query has its own id")
    sets: tuple[CredentialSet, ...] = ()
    if "credential_sets" in members:
        sets = tuple(_credential_set(item, ids) for item in _list(members, "credential_sets", MAX_OPTIONS))
    return Query(credentials, sets)


def encode(query: Query) -> dict[str, Json]:
    """The JSON value of a query; members that hold their default are left out."""
    encoded: dict[str, Json] = {"credentials": [_encode_credential(credential) for credential in query.credentials]}
    if query.credential_sets:
        encoded["credential_sets"] = [_encode_set(found) for found in query.credential_sets]
    return encoded


def choose(
    query: Query, *, can_answer: Callable[[CredentialQuery], bool], cost: Callable[[CredentialQuery], int]
) -> tuple[CredentialQuery, ...]:
    """The credential queries to answer (6.4.2): for each required set, the cheapest option that can be answered.

    `cost` says how much an answer reveals, so that a wallet takes the least revealing option; among equals the
    verifier's order stands. Optional sets are left unanswered: nobody is asked for more than is required.
    """
    answerable = {credential.id: credential for credential in query.credentials if can_answer(credential)}
    if not query.credential_sets:
        chosen = [credential.id for credential in query.credentials]
    else:
        chosen = []
        for wanted in query.credential_sets:
            if wanted.required:
                possible = [option for option in wanted.options if answerable.keys() >= set(option)]
                if not possible:
                    raise _unanswerable()
                chosen += min(possible, key=lambda option: max(cost(answerable[name]) for name in option))
    if not answerable.keys() >= set(chosen):
        # 6.4.2: what cannot be answered in full is not answered at all.
        raise _unanswerable()
    return tuple(answerable[name] for name in dict.fromkeys(chosen))


def selected_claims(credential: CredentialQuery, held: Mapping[Path, object]) -> tuple[ClaimQuery, ...] | None:
    """The claims to give from a credential holding these JSON values (6.4.1), or None if it cannot answer."""
    fitting = [claim for claim in credential.claims if claim.path in held and claim.matches(held[claim.path])]
    if not credential.claim_sets:
        return credential.claims if len(fitting) == len(credential.claims) else None
    by_id = {claim.id: claim for claim in fitting}
    for option in credential.claim_sets:
        if by_id.keys() >= set(option):
            return tuple(by_id[name] for name in option)
    return None


def check_authorities(credential: CredentialQuery, authority_key_identifiers: Collection[str]) -> bool:
    """Whether a credential issued under these authority key identifiers (base64url) fits `trusted_authorities`."""
    if not credential.trusted_authorities:
        return True
    wanted = {value for found in credential.trusted_authorities if found.type == "aki" for value in found.values}
    return not wanted.isdisjoint(authority_key_identifiers)


def check_answered(query: Query, answered: Mapping[str, Sequence[object]]) -> None:
    """`VerificationError` unless these presentations, by query id, are a complete answer and nothing more (8.6)."""
    known = {credential.id: credential for credential in query.credentials}
    if not known.keys() >= answered.keys():
        raise VerificationError("dcql.unasked", "the answer holds a credential that was not asked for")
    for query_id, presentations in answered.items():
        if len(presentations) != 1 and not (presentations and known[query_id].multiple):
            # 8.1: without `multiple`, exactly one presentation per credential query.
            raise VerificationError("dcql.multiple", "exactly one presentation was asked for per credential")
    if not query.credential_sets:
        complete = answered.keys() == known.keys()
    else:
        complete = all(
            any(answered.keys() >= set(option) for option in wanted.options)
            for wanted in query.credential_sets
            if wanted.required
        )
    if not complete:
        raise VerificationError("dcql.incomplete", "the answer does not hold what was required")


def _credential(item: Json) -> CredentialQuery:
    members = _object(item, "credential")
    claims: tuple[ClaimQuery, ...] = ()
    form = _text(members, "format")
    if "claims" in members:
        claims = tuple(_claim(claim, form) for claim in _list(members, "claims", MAX_CLAIMS))
    if len({claim.path for claim in claims}) != len(claims):
        # 6.1: must not point to the same claim twice. Tightened: a wallet may ignore duplicates, here they are refused.
        raise _malformed("claims", "the same claim is asked for twice")
    authorities: tuple[TrustedAuthorities, ...] = ()
    if "trusted_authorities" in members:
        authorities = tuple(_authorities(found) for found in _list(members, "trusted_authorities", MAX_OPTIONS))
    return CredentialQuery(
        id=_id(members),
        format=form,
        meta=_meta(_object(members.get("meta"), "meta"), form),
        claims=claims,
        claim_sets=_claim_sets(members, claims),
        trusted_authorities=authorities,
        multiple=_flag(members, "multiple", default=False),
        require_cryptographic_holder_binding=_flag(members, "require_cryptographic_holder_binding", default=True),
    )


def _meta(members: dict[str, Json], form: str) -> MdocMeta | BbsMeta | SdJwtMeta | UnknownMeta:
    if form == MDOC:
        return MdocMeta(_text(members, "doctype_value"))
    if form == MDOC_ZK:
        return MdocMeta(_text(members, "doctype_value"), zk.parse(members.get("zk_system_type")))
    if form == BBS and _names_our_system(members.get("zk_system_type")):
        return _bbs_meta(members)
    if form == SD_JWT:
        return SdJwtMeta(tuple(_texts(members.get("vct_values"), "vct_values")))
    return UnknownMeta(strict_json.encode(members))


def _names_our_system(value: Json) -> bool:
    """Whether the proof system of this house is among those offered; others are other parties' business."""
    listed = value if isinstance(value, list) else []
    return any(isinstance(item, dict) and item.get("system") == bbs_credential.SYSTEM for item in listed)


def _bbs_meta(members: dict[str, Json]) -> BbsMeta:
    statements = tuple(_texts(members["statements"], "statements")) if "statements" in members else ()
    for statement in statements:
        try:
            check_phrase(statement)
        except FormatError as error:
            raise _malformed("statements", error.message) from error
    try:
        on = date.fromisoformat(_text(members, "on"))
    except ValueError as error:
        raise _malformed("on", "the day of a question reads YYYY-MM-DD") from error
    epochs = tuple(_texts(members["epochs"], "epochs")) if "epochs" in members else ()
    return BbsMeta(_text(members, "doctype_value"), statements, on, epochs)


def _encode_bbs(meta: BbsMeta) -> dict[str, Json]:
    encoded: dict[str, Json] = {
        "doctype_value": meta.doctype_value,
        "zk_system_type": [{"id": bbs_credential.SYSTEM, "system": bbs_credential.SYSTEM}],
        "on": meta.on.isoformat(),
    }
    if meta.statements:
        encoded["statements"] = list(meta.statements)
    if meta.epochs:
        encoded["epochs"] = list(meta.epochs)
    return encoded


def _claim(item: Json, form: str) -> ClaimQuery:
    members = _object(item, "claim")
    path = tuple(_path_element(element) for element in _list(members, "path", MAX_PATH))
    if form in (MDOC, MDOC_ZK) and (len(path) != 2 or not all(isinstance(element, str) for element in path)):
        raise _malformed("path", "a path into an mdoc is a namespace and an element identifier")  # 7.2
    if form == BBS and (len(path) != 1 or not isinstance(path[0], str)):
        raise _malformed("path", "a path into a credential of the fast suite is an attribute's name")
    values: tuple[str | int | bool, ...] = ()
    if "values" in members:
        values = tuple(_value(value) for value in _list(members, "values", MAX_VALUES))
    retain = _flag(members, "intent_to_retain", default=False) if "intent_to_retain" in members else None
    return ClaimQuery(path, values, _id(members) if "id" in members else None, retain)


def _claim_sets(members: dict[str, Json], claims: tuple[ClaimQuery, ...]) -> tuple[tuple[str, ...], ...]:
    ids = [claim.id for claim in claims if claim.id is not None]
    if len(set(ids)) != len(ids):
        raise _malformed("claim.id", "each claim has its own id")
    if "claim_sets" not in members:
        return ()
    if len(ids) != len(claims) or not claims:
        raise _malformed("claim_sets", "claim_sets need claims, each with an id")
    return tuple(_references(option, ids) for option in _list(members, "claim_sets", MAX_OPTIONS))


def _credential_set(item: Json, ids: Collection[str]) -> CredentialSet:
    members = _object(item, "credential_set")
    options = tuple(_references(option, ids) for option in _list(members, "options", MAX_OPTIONS))
    return CredentialSet(options, _flag(members, "required", default=True))


def _authorities(item: Json) -> TrustedAuthorities:
    members = _object(item, "trusted_authorities")
    return TrustedAuthorities(_text(members, "type"), tuple(_texts(members.get("values"), "values")))


def _references(value: Json, ids: Collection[str]) -> tuple[str, ...]:
    names = tuple(_texts(value, "option"))
    if not set(ids).issuperset(names) or len(set(names)) != len(names):
        raise _malformed("reference", "an option names each of its members once, and only members that exist")
    return names


def _path_element(value: Json) -> str | int | None:
    if value is None or (isinstance(value, str) and len(value) <= MAX_TEXT):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_INTEGER:
        return value
    raise _malformed("path", "a path holds strings, nulls and non-negative integers")  # 7


def _value(value: Json) -> str | int | bool:
    if isinstance(value, bool) or (isinstance(value, str) and len(value) <= MAX_TEXT):
        return value
    if isinstance(value, int) and -MAX_INTEGER < value < MAX_INTEGER:
        return value
    raise _malformed("values", "values are strings, integers or booleans")


def _object(value: Json, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise _malformed(name, f"{name} is a JSON object")
    return value


def _list(members: dict[str, Json], name: str, most: int) -> list[Json]:
    found = members.get(name)
    if not isinstance(found, list) or not 0 < len(found) <= most:
        raise _malformed(name, f"{name} is an array of 1 to {most} elements")
    return found


def _texts(value: Json, name: str) -> list[str]:
    items = value if isinstance(value, list) else []
    found = [item for item in items if isinstance(item, str) and 0 < len(item) <= MAX_TEXT]
    if len(found) != len(items) or not 0 < len(found) <= MAX_OPTIONS:
        raise _malformed(name, f"{name} is a non-empty array of strings")
    return found


def _text(members: dict[str, Json], name: str) -> str:
    found = members.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= MAX_TEXT:
        raise _malformed(name, f"{name} is a string of 1 to {MAX_TEXT} characters")
    return found


def _id(members: dict[str, Json]) -> str:
    found = _text(members, "id")
    if not _ID.fullmatch(found):
        raise _malformed("id", "an id is made of letters, digits, underscores and hyphens")
    return found


def _flag(members: dict[str, Json], name: str, *, default: bool) -> bool:
    found = members.get(name, default)
    if not isinstance(found, bool):
        raise _malformed(name, f"{name} is true or false")
    return found


def _malformed(name: str, message: str) -> FormatError:
    return FormatError(f"dcql.{name}", message, code="invalid_request")


def _unanswerable() -> Refused:
    # 8.5: access_denied covers both a missing credential and a missing consent, so that it tells neither.
    return Refused("dcql.unanswerable", "this wallet holds nothing that answers the request", code="access_denied")


def _encode_credential(credential: CredentialQuery) -> dict[str, Json]:
    encoded: dict[str, Json] = {
        "id": credential.id,
        "format": credential.format,
        "meta": _encode_meta(credential.meta, credential.format),
    }
    if credential.trusted_authorities:
        encoded["trusted_authorities"] = [
            {"type": found.type, "values": list(found.values)} for found in credential.trusted_authorities
        ]
    if credential.multiple:
        encoded["multiple"] = True
    if not credential.require_cryptographic_holder_binding:
        encoded["require_cryptographic_holder_binding"] = False
    if credential.claims:
        encoded["claims"] = [_encode_claim(claim) for claim in credential.claims]
    if credential.claim_sets:
        encoded["claim_sets"] = [list(option) for option in credential.claim_sets]
    return encoded


def _encode_meta(meta: MdocMeta | BbsMeta | SdJwtMeta | UnknownMeta, form: str) -> Json:
    if isinstance(meta, BbsMeta):
        return _encode_bbs(meta)
    if isinstance(meta, MdocMeta):
        encoded: dict[str, Json] = {"doctype_value": meta.doctype_value}
        if form == MDOC_ZK:
            encoded["zk_system_type"] = zk.encode(meta.zk_systems)
        return encoded
    if isinstance(meta, SdJwtMeta):
        return {"vct_values": list(meta.vct_values)}
    return strict_json.parse_object(meta.encoded)


def _encode_claim(claim: ClaimQuery) -> dict[str, Json]:
    encoded: dict[str, Json] = {} if claim.id is None else {"id": claim.id}
    encoded["path"] = list(claim.path)
    if claim.values:
        encoded["values"] = list(claim.values)
    if claim.intent_to_retain is not None:
        encoded["intent_to_retain"] = claim.intent_to_retain
    return encoded


def _encode_set(found: CredentialSet) -> dict[str, Json]:
    encoded: dict[str, Json] = {"options": [list(option) for option in found.options]}
    if not found.required:
        encoded["required"] = False
    return encoded
