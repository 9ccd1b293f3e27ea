"""The recorded presentation verified from docs/spec/fast-suite.md alone, with arkworks and without a line of ours."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

FILE = Path(__file__).resolve().parents[2] / "vectors" / "fast_suite" / "presentation.json"
R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
SUITE = b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_"
API = SUITE + b"H2G_TM2S_DIPTYCH-V1_"


def expand(message: bytes, tag: bytes, length: int = 48) -> bytes:
    tag += bytes([len(tag)])
    b0 = hashlib.sha256(bytes(64) + message + length.to_bytes(2, "big") + b"\0" + tag).digest()
    blocks = [hashlib.sha256(b0 + b"\1" + tag).digest()]
    for number in range(2, -(-length // 32) + 1):
        mixed = bytes(x ^ y for x, y in zip(b0, blocks[-1], strict=True))
        blocks.append(hashlib.sha256(mixed + bytes([number]) + tag).digest())
    return b"".join(blocks)[:length]


def h2s(message: bytes, tag: bytes) -> int:
    return int.from_bytes(expand(message, tag), "big") % R


def generators(count: int, seed: bytes, seed_tag: bytes, point_tag: bytes) -> list[G1Point]:
    v, points = expand(seed, seed_tag), []
    for number in range(1, count + 1):
        v = expand(v + number.to_bytes(8, "big"), seed_tag)
        points.append(G1Point.hash_to_curve(v, point_tag))
    return points


def for_interface(count: int, api: bytes) -> list[G1Point]:
    tags = (api + b"MESSAGE_GENERATOR_SEED", api + b"SIG_GENERATOR_SEED_", api + b"SIG_GENERATOR_DST_")
    return generators(count, *tags)


def d(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def s32(value: int) -> bytes:
    return value.to_bytes(32, "big")


def combine(*terms: tuple[G1Point, int]) -> G1Point:
    total = G1Point.identity()
    for point, factor in terms:
        total = total + point * Scalar(factor % R)
    return total


def verified(vector: dict[str, Any]) -> bool:
    """Section 2's equations one by one, none collapsed."""
    issuer, epoch, digits = (bytes.fromhex(vector["keys"][name]) for name in ("issuer", "epoch", "digits"))
    fields = vector["layout"]["fields"]
    count = len(fields)
    header = d(
        b"diptych fast suite credential v1",
        vector["layout"]["document_type"].encode(),
        *(part.encode() for field in fields for part in field),
    )
    signed = for_interface(count + 1, API) + for_interface(2, b"BLIND_" + API)
    encoded = b"".join(point.to_compressed_bytes() for point in signed)
    domain_input = issuer + (count + 2).to_bytes(8, "big") + encoded + API + len(header).to_bytes(8, "big") + header
    domain = h2s(domain_input, API + b"H2S_")
    base = SUITE + b"H2G_HM2S_"
    p1 = generators(
        1, base + b"BP_MESSAGE_GENERATOR_SEED", base + b"SIG_GENERATOR_SEED_", base + b"SIG_GENERATOR_DST_"
    )[0]
    q1, *h = signed
    name = h2s(b"Eriksson", API + b"MAP_MSG_TO_SCALAR_AS_HASH_")
    bound = vector["statements"][2][3]

    # 9: sent points, T, responses
    data = bytes.fromhex(vector["presentation"])
    points = [G1Point.from_compressed_bytes(data[start : start + 48]) for start in range(0, 12 * 48, 48)]
    assert all(point != G1Point.identity() for point in points)
    a_bar, big_d, v0, v1, v_epoch, pseudonym = points[:6]
    t_paired, t_signed, t0, t1, t_epoch, t_pseudonym = points[6:]
    responses = [int.from_bytes(data[start : start + 32], "big") for start in range(12 * 48, len(data), 32)]
    birth, absent, identifier, blind, secret, r1, e, r3, d1, rho0, rho1, rho_epoch = responses

    # 2 and 9: the transcript
    digit_set = b"set\0" + s32(h2s(b"".join(s32(digit) for digit in range(256)), b"DIPTYCH_FAST_SUITE_V1_SET_"))
    context = vector["context"]
    statements = [
        d(b"possession", u16(0), issuer, header),
        d(b"disclosure", u16(0) + u16(0), b"t", s32(name)),
        d(b"range", u16(0) + u16(1), b"at most", bound.to_bytes(8, "big"), b"\2", digit_set, digits),
        d(b"not_revoked", u16(0) + u16(3), b"2026-11-24", epoch),
        d(b"pseudonym", u16(0) + u16(count + 1), b"loyalty"),
    ]
    audience = context["audience"].encode()
    transcript = d(
        b"presentation",
        bytes.fromhex(context["nonce"]),
        audience,
        context["policy"].encode(),
        len(statements).to_bytes(4, "big"),
        *statements,
        data[: 12 * 48],
    )
    c = h2s(transcript, b"DIPTYCH_FAST_SUITE_V1_CHALLENGE_")

    # 2: the equations
    g1 = G1Point()
    d0 = c * bound - birth - 256 * d1
    messages = [c * name, birth, absent, identifier, blind, secret]
    scope = G1Point.hash_to_curve(d(b"scope", audience, b"loyalty"), b"DIPTYCH_FAST_SUITE_V1_SCOPE_")
    in_g1 = [
        combine((big_d, r3), *((point, -m) for point, m in zip(h, messages, strict=True)))
        == t_signed + combine((p1, c), (q1, c * domain)),
        combine((scope, secret)) == t_pseudonym + combine((pseudonym, c)),
    ]
    paired = [
        (combine((big_d, r1), (a_bar, -e)), t_paired, a_bar, issuer),
        (combine((g1, rho0), (v0, -d0)), t0, v0, digits),
        (combine((g1, rho1), (v1, -d1)), t1, v1, digits),
        (combine((g1, rho_epoch), (v_epoch, -identifier)), t_epoch, v_epoch, epoch),
    ]
    return all(in_g1) and all(
        GT.pairing_check(
            [left + combine((commitment, -1)), combine((point, -c))],
            [G2Point(), G2Point.from_compressed_bytes(key)],
        )
        for left, commitment, point, key in paired
    )


def test_the_recorded_presentation_verifies_from_the_page_alone() -> None:
    vector = json.loads(FILE.read_text())
    assert verified(vector)
    assert vector["presentation"][5 * 96 : 6 * 96] == vector["pseudonym"]


@pytest.mark.parametrize("position", [600, 700, 800, 900])
def test_a_changed_response_does_not(position: int) -> None:
    vector = json.loads(FILE.read_text())
    data = bytearray.fromhex(vector["presentation"])
    data[position] ^= 1
    vector["presentation"] = data.hex()
    assert not verified(vector)
