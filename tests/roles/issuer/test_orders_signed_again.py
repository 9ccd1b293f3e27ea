"""Keys in tokens sign differently each time: an order that comes again under another signature is the same order."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from diptych.crypto.signing import PublicKey, SoftwareSigner
from diptych.errors import Conflict
from diptych.formats.order.signed import parse_signed_order, sign_order
from tests.issuing import Town, nothing_changes


class TokenLike:
    """Signs with a fresh random number each time, as tokens do (`SoftwareSigner` is deterministic)."""

    def __init__(self, signer: SoftwareSigner) -> None:
        self._signer = signer

    @property
    def public_key(self) -> PublicKey:
        return self._signer.public_key

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self._signer.private_key().sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_an_order_under_another_signature_is_the_same_order() -> None:
    town = Town()
    first, _, _ = town.approve()
    again = sign_order(parse_signed_order(first).unverified_order, signer=TokenLike(town.officer)).encode()
    assert again != first
    assert town.issuer.accept_order(first, now=town.now).is_new
    with nothing_changes(town):
        assert not town.issuer.accept_order(again, now=town.now).is_new


def test_another_order_under_a_known_id_is_refused_whoever_signs_it() -> None:
    from dataclasses import replace

    town = Town()
    first, _, _ = town.approve()
    second, _, _ = town.approve()
    known = parse_signed_order(first).unverified_order
    town.issuer.accept_order(first, now=town.now)
    other = replace(parse_signed_order(second).unverified_order, order_id=known.order_id)
    with pytest.raises(Conflict, match=r"order\.id"):
        town.issuer.accept_order(sign_order(other, signer=TokenLike(town.officer)).encode(), now=town.now)
