"""The arithmetic of a key ceremony: what a dealer says, how it is checked, and what key and share come of it.

Feldman's verifiable sharing over G2. No state and no order of events here: that is in `participant`.
"""

import hashlib
from collections.abc import Mapping

from diptych.crypto import hpke
from diptych.crypto.bls12381 import (
    G1,
    G2,
    ORDER,
    encode_scalar,
    g2_base,
    hash_to_g1,
    hash_to_scalar,
    pairing_product_is_one,
    parse_scalar,
    sum_g2,
)
from diptych.crypto.hpke import Recipient
from diptych.crypto.lookup_prf.ceremony import Ceremony
from diptych.crypto.lookup_prf.keys import KeyShare, PurposeKey
from diptych.crypto.lookup_prf.messages import Confirm, Reveal
from diptych.crypto.lookup_prf.polynomials import evaluate, evaluate_committed, lagrange
from diptych.errors import FormatError, VerificationError
from diptych.private import Secret

_COMMIT_TAG = b"diptych key ceremony commitment 1\n"
_DEAL_TAG = b"diptych key ceremony deal 1\n"
_COEFFICIENT_TAG = b"DIPTYCH-LOOKUP-V01_COEFFICIENT"
_POSSESSION_TAG = b"DIPTYCH-LOOKUP-V01_POSSESSION_BLS12381G1_XMD:SHA-256_SSWU_RO_"
_CONFIRM_TAG = b"DIPTYCH-LOOKUP-V01_CONFIRM_BLS12381G1_XMD:SHA-256_SSWU_RO_"


def polynomial(ceremony: Ceremony, *, index: int, seed: Secret, held: KeyShare | None) -> tuple[int, ...]:
    """A dealer's coefficients, constant term first: all from the seed, but for the share of an old key."""
    drawn = tuple(
        hash_to_scalar(seed.reveal() + ceremony.id + bytes([index, degree]), _COEFFICIENT_TAG)
        for degree in range(ceremony.threshold)
    )
    return drawn if held is None else (parse_scalar(held.scalar.reveal()), *drawn[1:])


def reveal(ceremony: Ceremony, index: int, coefficients: tuple[int, ...]) -> Reveal:
    """The polynomial in public, the proof that its dealer has the constant term, and the sealed deals."""
    commitments = tuple(g2_base() * coefficient for coefficient in coefficients)
    possession = _possession_point(ceremony, index, commitments) * coefficients[0]
    deals = tuple(
        hpke.seal(key, encode_scalar(evaluate(coefficients, receiver)), info=_deal_info(ceremony, index, receiver))
        for receiver, key in ceremony.receiver_keys.items()
    )
    return Reveal(ceremony.id, index, commitments, possession, deals)


def open_deal(ceremony: Ceremony, revealed: Reveal, receiver: int, recipient: Recipient) -> int | None:
    """What was dealt to a receiver, if it opens and fits the polynomial; else there is cause to complain."""
    sealed = revealed.deals[ceremony.receivers.index(receiver)]
    try:
        share = parse_scalar(recipient.open_sealed(sealed, info=_deal_info(ceremony, revealed.sender, receiver)))
    except (FormatError, VerificationError):
        return None
    return share if fits(share, revealed, receiver) else None


def reveal_digest(revealed: Reveal) -> bytes:
    """What a `Commit` holds. A polynomial has the entropy that hides it here."""
    head = _COMMIT_TAG + revealed.ceremony + bytes([revealed.sender])
    return hashlib.sha256(head + revealed.polynomial()).digest()


def reveal_fault(ceremony: Ceremony, revealed: Reveal, committed: bytes) -> str | None:
    """The check that this polynomial fails in public, if any."""
    dealer, commitments = revealed.sender, revealed.commitments
    if reveal_digest(revealed) != committed:
        return "dkg.commitment"
    if len(commitments) != ceremony.threshold:
        return "dkg.degree"
    if len(revealed.deals) != len(ceremony.receivers):
        return "dkg.deals"
    # The old key stays: a dealer's constant term is its share of it, and not one that moves the key elsewhere.
    if ceremony.previous is not None and commitments[0] != ceremony.previous.trustee_keys[dealer]:
        return "dkg.previous_key"
    # Without this, who speaks last could choose its polynomial as a function of the others' and cancel them.
    if not _is_multiple(_possession_point(ceremony, dealer, commitments), revealed.possession, commitments[0]):
        return "dkg.possession"
    return None


def fits(share: int, revealed: Reveal, receiver: int) -> bool:
    """Whether a deal is the revealed polynomial at its receiver's index (Feldman 1987)."""
    return g2_base() * share == evaluate_committed(revealed.commitments, receiver)


def combined_key(ceremony: Ceremony, qualified: Mapping[int, Reveal]) -> PurposeKey:
    """The key that the qualified dealers' polynomials make together."""
    weights = dealer_weights(ceremony, tuple(sorted(qualified)))
    summed = tuple(
        sum_g2((qualified[dealer].commitments[degree], weight) for dealer, weight in weights.items())
        for degree in range(ceremony.threshold)
    )
    held = {receiver: evaluate_committed(summed, receiver) for receiver in ceremony.receivers}
    return PurposeKey(ceremony.purpose, ceremony.generation, ceremony.threshold, summed[0], held)


def combined_share(ceremony: Ceremony, receiver: int, deals: Mapping[int, int]) -> KeyShare:
    """One receiver's share, from what the qualified dealers dealt it."""
    weights = dealer_weights(ceremony, tuple(sorted(deals)))
    share = sum(deals[dealer] * weight for dealer, weight in weights.items()) % ORDER
    return KeyShare(ceremony.purpose, ceremony.generation, receiver, Secret(encode_scalar(share)))


def dealer_weights(ceremony: Ceremony, dealers: tuple[int, ...]) -> dict[int, int]:
    """What each dealer counts for: all the same in a new key, and by Lagrange in an old one."""
    if ceremony.previous is None:
        return dict.fromkeys(dealers, 1)
    return {dealer: lagrange(dealers, dealer, 0) for dealer in dealers}


def confirm(ceremony: Ceremony, transcript: bytes, share: KeyShare) -> Confirm:
    """A receiver's proof that it has its share, over the transcript."""
    point = _confirmation_point(transcript, share.index)
    return Confirm(ceremony.id, share.index, transcript, point * parse_scalar(share.scalar.reveal()))


def confirms(confirmation: Confirm, key: PurposeKey) -> bool:
    """Whether the proof is by the holder of the sender's share, over the transcript that it names."""
    point = _confirmation_point(confirmation.transcript, confirmation.sender)
    return _is_multiple(point, confirmation.possession, key.trustee_keys[confirmation.sender])


def _deal_info(ceremony: Ceremony, dealer: int, receiver: int) -> bytes:
    return _DEAL_TAG + ceremony.id + bytes([dealer, receiver])


def _possession_point(ceremony: Ceremony, index: int, commitments: tuple[G2, ...]) -> G1:
    """A point for this ceremony, dealer and polynomial alone (Ristenpart, Yilek 2007): no use elsewhere."""
    encoded = b"".join(commitment.encode() for commitment in commitments)
    return hash_to_g1(ceremony.id + bytes([index]) + encoded, _POSSESSION_TAG)


def _confirmation_point(transcript: bytes, index: int) -> G1:
    return hash_to_g1(transcript + bytes([index]), _CONFIRM_TAG)


def _is_multiple(point: G1, product: G1, public_key: G2) -> bool:
    """Whether `product` is `point` times the secret of `public_key`."""
    return pairing_product_is_one([(product, g2_base()), (-point, public_key)])
