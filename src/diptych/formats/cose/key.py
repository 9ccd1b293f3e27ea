"""COSE_Key (RFC 9052 7, RFC 9053 7.1.1) for public keys on P-256. Private keys never travel as COSE_Key here."""

from diptych.crypto.signing import PublicKey, coordinates, public_key_from_coordinates
from diptych.errors import FormatError
from diptych.formats.cbor import CborKey, CborValue, as_bytes, as_map

KTY, ALG, CRV, X, Y = 1, 3, -1, -2, -3
KTY_EC2, CRV_P256, ALG_ES256 = 2, 1, -7
KEY_OPS, KID = 4, 2
KNOWN_LABELS = frozenset({KTY, KID, ALG, KEY_OPS, CRV, X, Y})


def to_cbor(public_key: PublicKey) -> dict[CborKey, CborValue]:
    """The map `{1: 2, -1: 1, -2: x, -3: y}` in this order and with nothing more, as the proving circuits expect."""
    x, y = coordinates(public_key)
    return {KTY: KTY_EC2, CRV: CRV_P256, X: x, Y: y}


def from_cbor(value: CborValue) -> PublicKey:
    """The P-256 key in a COSE_Key map, or `FormatError`."""
    members = as_map(value, "cose.key")
    if not KNOWN_LABELS.issuperset(members):
        # Among the labels not known here is -4: a private key sent where a public one belongs.
        raise FormatError("cose.key", "the key has members that are not understood here")
    if members.get(KTY) != KTY_EC2 or members.get(CRV) != CRV_P256 or isinstance(members[CRV], bool | float):
        raise FormatError("cose.key", "only EC2 keys on P-256 are accepted")
    if members.get(ALG, ALG_ES256) != ALG_ES256:
        raise FormatError("cose.key", "the key is meant for another algorithm than ES256")
    # RFC 9053 7.1.1 also lets `y` be a sign bit; mdoc keys are uncompressed, so that is refused.
    return public_key_from_coordinates(as_bytes(members.get(X), "cose.key"), as_bytes(members.get(Y), "cose.key"))
