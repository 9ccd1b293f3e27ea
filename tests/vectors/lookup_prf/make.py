"""Makes `lookup.json` from the text of docs/spec/lookup-prf.md alone: arkworks, hashlib, nothing of Diptych.

Run `python tests/vectors/lookup_prf/make.py > tests/vectors/lookup_prf/lookup.json`. A test does the same and compares.
"""

import hashlib
import hmac
import json

from py_arkworks_bls12381 import G1Point, G2Point, Scalar

R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
PURPOSE = b"driving-licence"


def drawn(name: str) -> int:
    """A scalar in the place of a random one."""
    return int.from_bytes(hashlib.sha512(name.encode()).digest(), "big") % R


def factor(indices: list[int], index: int) -> int:
    found = 1
    for other in indices:
        if other != index:
            found = found * -other * pow(index - other, -1, R) % R
    return found


def hkdf(salt: bytes, key: bytes, info: bytes) -> bytes:
    prk = hmac.new(salt, key, hashlib.sha256).digest()
    return hmac.new(prk, info + b"\1", hashlib.sha256).digest()


def vectors() -> dict[str, object]:
    indices, threshold, generation = [1, 2, 3, 4, 5], 3, 7
    a0, a1, a2 = drawn("a0"), drawn("a1"), drawn("a2")
    shares = {i: (a0 + a1 * i + a2 * i * i) % R for i in indices}
    keys = {i: (G2Point() * Scalar(shares[i])).to_compressed_bytes() for i in indices}
    public = (G2Point() * Scalar(a0)).to_compressed_bytes()
    named = bytes([len(PURPOSE)]) + PURPOSE
    head = b"\1" + named + generation.to_bytes(4, "big")
    trustees = b"".join(bytes([i]) + keys[i] for i in indices)

    tag = b"DIPTYCH-LOOKUP-V01_" + PURPOSE + b"_BLS12381G1_XMD:SHA-256_SSWU_RO_"
    inputs = [b"ERIKSSON|ANNA MARIA|1974-08-12|UTO", "Émilie Dübois|2001-02-29".encode(), b""]
    blinds = [drawn("b0"), drawn("b1"), drawn("b2")]
    hashed = [G1Point.hash_to_curve(text, tag) for text in inputs]
    blinded = [point * Scalar(blind) for point, blind in zip(hashed, blinds, strict=True)]
    answers = {i: [point * Scalar(shares[i]) for point in blinded] for i in indices}
    chosen = [2, 3, 5]
    derived = []
    for place, text in enumerate(inputs):
        combined = G1Point.identity()
        for i in chosen:
            combined = combined + answers[i][place] * Scalar(factor(chosen, i))
        value = combined * Scalar(pow(blinds[place], -1, R))
        assert value == hashed[place] * Scalar(a0)
        derived.append(hkdf(b"diptych lookup value 1", value.to_compressed_bytes(), named + text))
    pepper = hashlib.sha256(b"pepper").digest()
    return {
        "purpose": PURPOSE.decode(),
        "purpose_key": (head + bytes([threshold, len(indices)]) + public + trustees).hex(),
        "shares": {str(i): (head + bytes([i]) + shares[i].to_bytes(32, "big")).hex() for i in indices},
        "inputs": [text.hex() for text in inputs],
        "blinds": [blind.to_bytes(32, "big").hex() for blind in blinds],
        "request": b"".join(point.to_compressed_bytes() for point in blinded).hex(),
        "answers": {str(i): b"".join(p.to_compressed_bytes() for p in answers[i]).hex() for i in indices},
        "derived": [one.hex() for one in derived],
        "pepper": pepper.hex(),
        "tags": [hmac.new(pepper, one, hashlib.sha256).digest()[:16].hex() for one in derived],
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1))
