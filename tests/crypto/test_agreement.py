"""Two sides agree on a secret alone, one per salt and purpose."""

from diptych.crypto.agreement import agree
from diptych.crypto.signing import generate_signer

ALICE, BOB = generate_signer(), generate_signer()


def test_both_sides_derive_the_same_secret() -> None:
    derived = agree(ALICE, BOB.public_key, salt=b"salt", info=b"purpose")
    assert derived == agree(BOB, ALICE.public_key, salt=b"salt", info=b"purpose")
    assert len(derived) == 32


def test_another_key_salt_or_purpose_is_another_secret() -> None:
    derived = agree(ALICE, BOB.public_key, salt=b"salt", info=b"purpose")
    for other in (
        agree(ALICE, generate_signer().public_key, salt=b"salt", info=b"purpose"),
        agree(ALICE, BOB.public_key, salt=b"other", info=b"purpose"),
        agree(ALICE, BOB.public_key, salt=b"salt", info=b"other"),
    ):
        assert other != derived
