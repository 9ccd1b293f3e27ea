"""How what the wallet holds for the fast suite is written down, in the way of `records`."""

from diptych.crypto.bls12381 import SCALAR_BYTES
from diptych.errors import FormatError
from diptych.formats.cbor import CborValue, TDate, as_array, as_bytes, as_tdate, as_text, decode, encode
from diptych.private import Personal, Secret
from diptych.roles.wallet.model import Commitment, EpochToken, Proving

CHECK = "wallet.record"


def encode_holder(secret: Secret) -> bytes:
    return encode([secret.reveal()])


def parse_holder(data: bytes) -> Secret:
    (secret,) = _fields(data, 1)
    found = as_bytes(secret, CHECK)
    if len(found) != SCALAR_BYTES:
        raise FormatError(CHECK, "a holder secret has 32 bytes")
    return Secret(found)


def encode_commitment(commitment: Commitment) -> bytes:
    return encode([commitment.grant_id, commitment.commitment, commitment.blind.reveal()])


def parse_commitment(data: bytes) -> Commitment:
    grant_id, commitment, blind = _fields(data, 3)
    return Commitment(as_text(grant_id, CHECK), as_bytes(commitment, CHECK), Secret(as_bytes(blind, CHECK)))


def encode_proving(proving: Proving) -> bytes:
    return encode([proving.document_id, proving.credential.reveal()])


def parse_proving(data: bytes) -> Proving:
    document_id, credential = _fields(data, 2)
    return Proving(as_text(document_id, CHECK), Personal(as_bytes(credential, CHECK)))


def encode_token(token: EpochToken) -> bytes:
    return encode([token.document_id, token.epoch, token.key, token.token.reveal(), TDate.of(token.ends)])


def parse_token(data: bytes) -> EpochToken:
    document_id, epoch, key, token, ends = _fields(data, 5)
    return EpochToken(
        as_text(document_id, CHECK),
        as_text(epoch, CHECK),
        as_bytes(key, CHECK),
        Secret(as_bytes(token, CHECK)),
        as_tdate(ends, CHECK),
    )


def _fields(data: bytes, count: int) -> list[CborValue]:
    return as_array(decode(data), CHECK, length=count)
