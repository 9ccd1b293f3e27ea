"""Makes `vectors.json` from the text of docs/spec/acts.md alone: standard library, nothing of Diptych.

Run `python tests/vectors/acts/make.py > tests/vectors/acts/vectors.json`. A test does the same and compares.
"""

import hashlib
import json
import struct


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def cbor_head(major: int, value: int) -> bytes:
    if value < 24:
        return bytes([major << 5 | value])
    if value < 256:
        return bytes([major << 5 | 24, value])
    return bytes([major << 5 | 25]) + value.to_bytes(2, "big")


def cbor(value: object) -> bytes:
    if isinstance(value, int):
        return cbor_head(0, value)
    if isinstance(value, bytes):
        return cbor_head(2, len(value)) + value
    if isinstance(value, str):
        return cbor_head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return cbor_head(4, len(value)) + b"".join(cbor(item) for item in value)
    assert isinstance(value, dict)
    pairs = sorted((cbor(name), cbor(item)) for name, item in value.items())
    return cbor_head(5, len(pairs)) + b"".join(name + item for name, item in pairs)


def act_bytes(act_type: int, day: str, actor: int, details: dict[str, object]) -> bytes:
    full_date = b"\xd9\x03\xec" + cbor(day)  # tag 1004
    return b"\x85" + cbor(1) + cbor(act_type) + full_date + cbor(actor) + cbor(details)


def chain(start: bytes, length: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    element = start
    for counter in range(length):
        label = sha256(b"diptych label chain 1\nlabel\n" + element)
        asking = sha256(b"diptych label chain 1\nask\n" + element)
        asked_by = sha256(b"diptych label chain 1\nasked\n" + asking)
        found.append(
            {
                "counter": counter,
                "element": element.hex(),
                "label": label.hex(),
                "asking": asking.hex(),
                "asked_by": asked_by.hex(),
            }
        )
        element = sha256(b"diptych label chain 1\nnext\n" + element)
    return found


def act(
    name: str, *, act_type: int, day: tuple[str, int], actor: int, details: dict[str, object], label: str
) -> dict[str, object]:
    canonical = act_bytes(act_type, day[0], actor, details)
    salt = sha256(b"salt of " + name.encode())
    commitment = sha256(salt + canonical)
    policy_hash = sha256(b"quorum none\n")
    entry = struct.pack(">BBBI", 1, act_type, actor, day[1]) + bytes.fromhex(label) + commitment + policy_hash
    return {
        "name": name,
        "type": act_type,
        "day": day[0],
        "actor": actor,
        "details": {key: item.hex() if isinstance(item, bytes) else item for key, item in details.items()},
        "act": canonical.hex(),
        "salt": salt.hex(),
        "commitment": commitment.hex(),
        "label": label,
        "policy_hash": policy_hash.hex(),
        "entry": entry.hex(),
        "leaf_hash": sha256(b"\x00" + entry).hex(),
    }


def vectors() -> dict[str, object]:
    labels = chain(bytes(range(32)), 5)
    label = [str(element["label"]) for element in labels]
    batch = [b"first credential", b"second credential", b"third credential"]
    leaves = [sha256(b"\x00" + credential) for credential in batch]
    credentials = sha256(b"\x01" + sha256(b"\x01" + leaves[0] + leaves[1]) + leaves[2])
    first_day, leap_day, last_day = ("1970-01-01", 0), ("2028-02-29", 21243), ("9999-12-31", 2932896)
    issued: dict[str, object] = {"type": "driving-licence", "count": 3, "credentials": credentials}
    renewed: dict[str, object] = {"type": "proof-of-age", "count": 30, "credentials": credentials}
    revoked: dict[str, object] = {"type": "driving-licence", "reason": "déclaré volé"}
    label_tree: dict[str, object] = {"entries": 1_500, "size": 1_000, "root": sha256(b"root")}
    corrected: dict[str, object] = {
        "type": "driving-licence",
        "record": sha256(b"record 2"),
        "number": 2,
        "predecessor": sha256(b"record 1"),
        "reason": "nom rectifié",
    }
    deferred: dict[str, object] = {
        "request": sha256(b"request"),
        "legal_basis": "fr.cpp.60-1",
        "disclose_on": "2028-08-29",
    }
    disclosed: dict[str, object] = {
        "request": sha256(b"request"),
        "legal_basis": "fr.cpp.60-1",
        "deferred": sha256(b"entry"),
    }
    return {
        "labels": labels,
        "batch": {"credentials": [credential.hex() for credential in batch], "digest": credentials.hex()},
        "acts": [
            act("issued", act_type=35, day=leap_day, actor=3, details=issued, label=label[0]),
            act("renewed", act_type=36, day=last_day, actor=3, details=renewed, label=label[1]),
            act("revoked", act_type=39, day=leap_day, actor=2, details=revoked, label=label[2]),
            act("corrected", act_type=33, day=leap_day, actor=2, details=corrected, label=label[3]),
            act("opening deferred", act_type=43, day=leap_day, actor=2, details=deferred, label="5a" * 32),
            act("opening disclosed", act_type=44, day=leap_day, actor=4, details=disclosed, label=label[4]),
            act("label tree", act_type=12, day=first_day, actor=9, details=label_tree, label="00" * 32),
        ],
    }


if __name__ == "__main__":
    print(json.dumps(vectors(), indent=1, ensure_ascii=False))
