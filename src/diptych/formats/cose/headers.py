"""COSE headers (RFC 9052 3): the algorithm is protected, nothing critical is skipped, no label stands twice.

Shared by signatures and tags. The certificate chain (RFC 9360) is carried here and judged in `formats/x509`.
"""

from collections.abc import Sequence

from diptych.errors import FormatError
from diptych.formats.cbor import CborKey, CborValue, as_bytes, as_map, decode, encode

ALG, CONTENT_TYPE, KID, TYP, X5CHAIN = 1, 3, 4, 16, 33
KNOWN_LABELS = frozenset({ALG, CONTENT_TYPE, KID, X5CHAIN})
ES256 = -7  # RFC 9053 2.1
HMAC_256_256 = 5  # RFC 9053 3.1
MAX_CHAIN = 4


def encode_protected(algorithm: int, *, typ: str | None = None) -> bytes:
    """The protected header `{1: algorithm}`, and `{16: typ}` where what is signed has a type of its own (RFC 9596)."""
    return encode({ALG: algorithm} if typ is None else {ALG: algorithm, TYP: typ})


def check_headers(
    protected: bytes,
    unprotected: dict[CborKey, CborValue],
    *,
    expected_algorithm: int,
    expected_typ: str | None = None,
) -> None:
    """`FormatError` unless the protected header names exactly the expected algorithm, and nothing is ambiguous.

    It names the expected type (RFC 9596) too, or none: what was signed as one thing does not pass for another.
    """
    members = as_map(decode(protected), "cose.protected")
    if expected_typ is not None and members.pop(TYP, None) != expected_typ:
        raise FormatError("cose.typ", f"the protected header must name the type {expected_typ}")
    if type(members.get(ALG)) is not int or members[ALG] != expected_algorithm:
        raise FormatError("cose.alg", f"the protected header must name algorithm {expected_algorithm}")
    if not KNOWN_LABELS.issuperset(members) or not KNOWN_LABELS.issuperset(unprotected):
        # Among the unknown is `crit` (2): RFC 9052 3.1, what is critical must be understood. Here everything must.
        raise FormatError("cose.header", "the headers have labels that are not understood here")
    if not members.keys().isdisjoint(unprotected):
        raise FormatError("cose.label_repeated", "a label stands in both headers")


def encode_x5chain(chain: Sequence[bytes]) -> CborValue:
    """RFC 9360 2: one certificate as a byte string, more as an array, leaf first."""
    return chain[0] if len(chain) == 1 else list(chain)


def parse_x5chain(value: CborValue) -> tuple[bytes, ...]:
    """The DER certificates, leaf first. An array of one is tolerated: wallets in the field send it."""
    chain = value if isinstance(value, list) else [value]
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise FormatError("cose.x5chain", f"a chain has one to {MAX_CHAIN} certificates")
    return tuple(as_bytes(certificate, "cose.x5chain") for certificate in chain)
