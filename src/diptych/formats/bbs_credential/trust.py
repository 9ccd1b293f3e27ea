"""Whose fast-suite credentials are believed: the member `fast_suite` of an issuer's trust file.

Per document type one layout and the keys that sign it; one digit set and one signer of epochs for the whole issuer.
The same for everybody: a key, a layout or a list of one person's own would tell that person apart. Roots and mdoc
signers, in the same file, are left to `formats/mdoc/trust`.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.crypto.bbs.suite import octets_to_pubkey
from diptych.crypto.bls12381 import G1_BYTES
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.credential import MAX_ATTRIBUTES, Field, Kind, Layout
from diptych.crypto.fast_suite.tokens import PublicSet, SignedSet, public_set, verify_set
from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, VerificationError
from diptych.formats import strict_json
from diptych.formats.bbs_credential.presentation import key_id
from diptych.formats.jose import jwk
from diptych.formats.strict_json import Json

MEMBER = "fast_suite"
DIGITS = tuple(range(256))
MAX_TYPES = 64
MAX_KEYS = 8

KIND_NAMES = {Kind.INTEGER: "integer", Kind.DATE: "date", Kind.TEXT: "text", Kind.IDENTIFIER: "revocation_id"}
_KINDS = {name: kind for kind, name in KIND_NAMES.items()}


@dataclass(frozen=True)
class TypeKeys:
    """One document type: its layout, and the issuer keys believed for it, in the order in which they sign."""

    layout: Layout
    keys: tuple[bytes, ...]

    def by_id(self, named: bytes) -> bytes:
        """The key of that id; `VerificationError` for one that is not believed (any more)."""
        for key in self.keys:
            if key_id(key) == named:
                return key
        raise VerificationError("bbs.issuer_key", "the credential is not of a key believed for this document type")


@dataclass(frozen=True)
class FastSuiteTrust:
    """One issuer's public keys of the fast suite. `url` is where its epochs are."""

    url: str
    types: Mapping[str, TypeKeys]
    digits: PublicSet
    digit_tokens: tuple[bytes, ...] = field(repr=False)
    epoch_signer: PublicKey

    def signed_digits(self, *, entropy: Entropy) -> SignedSet:
        """The digits with their tokens, each verified: a wrong one could mark its user."""
        return verify_set(self.digits, self.digit_tokens, entropy=entropy)

    def type(self, document_type: str) -> TypeKeys:
        """The keys of a document type; `VerificationError` where none is believed."""
        found = self.types.get(document_type)
        if found is None:
            raise VerificationError("bbs.document_type", "no key of the fast suite is believed for this document type")
        return found


def parse_trust(data: bytes) -> FastSuiteTrust | None:
    """What a trust file says of the fast suite, or `FormatError`; None if it says nothing."""
    value = strict_json.parse_object(data).get(MEMBER)
    return None if value is None else parse_member(value)


def parse_member(value: Json) -> FastSuiteTrust:
    """The value of the member `fast_suite`, or `FormatError`."""
    members = _object(value, {"url", "types", "digits", "epoch_signer"})
    digits = _object(members["digits"], {"key", "tokens"})
    tokens = _octets(digits["tokens"])
    listed = members["types"]
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_TYPES or len(tokens) != len(DIGITS) * G1_BYTES:
        raise FormatError("trust.fast_suite", "there are document types, and a token for each digit")
    types: dict[str, TypeKeys] = {}
    for item in listed:
        found = _type(item)
        if found.layout.document_type in types:
            raise FormatError("trust.fast_suite", "a document type stands twice")
        types[found.layout.document_type] = found
    trust = FastSuiteTrust(
        url=strict_json.text(members, "url"),
        types=types,
        digits=public_set(DIGITS, _octets(digits["key"])),
        digit_tokens=tuple(tokens[start : start + G1_BYTES] for start in range(0, len(tokens), G1_BYTES)),
        epoch_signer=jwk.parse(members["epoch_signer"]),
    )
    _check_roles(trust)
    return trust


def encode_member(trust: FastSuiteTrust) -> dict[str, Json]:
    """The value of the member `fast_suite`."""
    return {
        "url": trust.url,
        "types": [
            {
                "doctype": document_type,
                "layout": [[one.name, KIND_NAMES[one.kind]] for one in found.layout.fields],
                "keys": [_text(key) for key in found.keys],
            }
            for document_type, found in trust.types.items()
        ],
        "digits": {"key": _text(trust.digits.key), "tokens": _text(b"".join(trust.digit_tokens))},
        "epoch_signer": jwk.encode(trust.epoch_signer),
    }


def _check_roles(trust: FastSuiteTrust) -> None:
    """One key, one role (docs/spec/fast-suite.md, 3): a digit's token must never pass for an epoch's."""
    keys = [trust.digits.key, *(key for found in trust.types.values() for key in found.keys)]
    if len(set(keys)) != len(keys):
        raise FormatError("trust.fast_suite", "one key in two roles")


def _type(value: Json) -> TypeKeys:
    members = _object(value, {"doctype", "layout", "keys"})
    fields, keys = members["layout"], members["keys"]
    if not isinstance(fields, list) or not 0 < len(fields) <= MAX_ATTRIBUTES:
        raise FormatError("trust.layout", f"a layout has 1 to {MAX_ATTRIBUTES} attributes")
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise FormatError("trust.keys", f"a document type has 1 to {MAX_KEYS} keys")
    layout = Layout(strict_json.text(members, "doctype"), tuple(_field(one) for one in fields))
    layout.check()
    octets = tuple(_octets(key) for key in keys)
    for key in octets:
        octets_to_pubkey(key)
    return TypeKeys(layout, octets)


def _field(value: Json) -> Field:
    name, kind = value if isinstance(value, list) and len(value) == 2 else ("", "")
    if not isinstance(name, str) or not isinstance(kind, str) or not name.isidentifier() or kind not in _KINDS:
        raise FormatError("trust.layout", f"an attribute is [name, kind], with one of {', '.join(_KINDS)}")
    return Field(name, _KINDS[kind])


def _object(value: Json, names: set[str]) -> dict[str, Json]:
    if not isinstance(value, dict) or set(value) != names:
        raise FormatError("trust.fast_suite", f"this part has exactly {', '.join(sorted(names))}")
    return value


def _octets(value: Json) -> bytes:
    try:
        found = base64.b64decode(value.encode("ascii") if isinstance(value, str) else b"!", validate=True)
    except (ValueError, binascii.Error) as error:
        raise FormatError("trust.fast_suite", "keys and tokens are in base64") from error
    if _text(found) != value:
        raise FormatError("trust.fast_suite", "not the one encoding of these bytes")
    return found


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
