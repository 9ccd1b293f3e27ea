"""Makes `shares.json` from the text of docs/spec/quorum.md alone: standard library, nothing of Diptych.

Run `python tests/vectors/quorum/make.py > tests/vectors/quorum/shares.json`. A test does the same and compares.
`envelopes.json` beside it was recorded (HPKE draws its own randomness): private keys, and what opens with them.
"""

import hashlib
import json

Field = int


def times(left: Field, right: Field) -> Field:
    product = 0
    for bit in range(8):
        if right >> bit & 1:
            product ^= left << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= 0x11B << (bit - 8)
    return product


def divided(left: Field, right: Field) -> Field:
    return next(quotient for quotient in range(256) if times(quotient, right) == left)


def factor(indices: list[int], index: int, at: int) -> Field:
    found = 1
    for other in indices:
        if other != index:
            found = times(found, divided(other ^ at, other ^ index))
    return found


def scaled(share: bytes, by: Field) -> bytes:
    return bytes(times(byte, by) for byte in share)


def added(*parts: bytes) -> bytes:
    total = bytes(32)
    for part in parts:
        total = bytes(left ^ right for left, right in zip(total, part, strict=True))
    return total


def drawn(name: str) -> bytes:
    """32 bytes in the place of random ones."""
    return hashlib.sha256(name.encode()).digest()


def vectors() -> dict[str, object]:
    secret, a1, a2 = drawn("secret"), drawn("a1"), drawn("a2")
    indices, helpers, target = [1, 2, 3, 4, 5, 201], [1, 3, 5], 201
    shares = {i: added(secret, scaled(a1, i), scaled(scaled(a2, i), i)) for i in indices}
    contexts = {i: b"record 1, share %d" % i for i in indices}
    hashes = {
        i: hashlib.sha256(b"diptych share 1\n" + len(contexts[i]).to_bytes(4, "big") + contexts[i] + shares[i]).digest()
        for i in indices
    }
    assert added(*(scaled(shares[i], factor([2, 4, 5], i, 0)) for i in (2, 4, 5))) == secret

    pieces: dict[int, dict[int, bytes]] = {}
    for helper in helpers:
        others = [other for other in helpers if other != helper]
        pieces[helper] = {other: drawn(f"piece {helper} {other}") for other in others}
        own = scaled(shares[helper], factor(helpers, helper, target))
        pieces[helper][helper] = added(own, *pieces[helper].values())
    sums = {to: added(*(pieces[of][to] for of in helpers)) for to in helpers}
    assert added(*sums.values()) == shares[target]
    return {
        "threshold": 3,
        "secret": secret.hex(),
        "coefficients": [a1.hex(), a2.hex()],
        "shares": {str(i): shares[i].hex() for i in indices},
        "contexts": {str(i): contexts[i].hex() for i in indices},
        "hashes": {str(i): hashes[i].hex() for i in indices},
        "recovery": {
            "helpers": helpers,
            "target": target,
            "pieces": {str(of): {str(to): pieces[of][to].hex() for to in helpers} for of in helpers},
            "sums": {str(to): sums[to].hex() for to in helpers},
        },
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
