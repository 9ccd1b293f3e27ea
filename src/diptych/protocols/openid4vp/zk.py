"""`mso_mdoc_zk`: which zero-knowledge proof systems a query accepts, and which one an answer uses.

No standard defines the format yet; this is the shape that wallets use today (longfellow-zk, "ZkSystemSpec"): one
object per circuit in `meta.zk_system_type`. Which circuits are sound is left to `crypto/longfellow`'s allow-list.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto import longfellow
from diptych.crypto.longfellow import Circuit
from diptych.errors import FormatError, Refused
from diptych.formats import strict_json
from diptych.formats.strict_json import Json

FORMAT = "mso_mdoc_zk"
LONGFELLOW = longfellow.SYSTEM
MAX_SYSTEMS = 32
MAX_TEXT = 256
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class ZkSystem:
    """One proof system and circuit, under the id by which the answer names it."""

    id: str
    system: str
    circuit_hash: str
    version: int
    num_attributes: int
    block_enc_hash: int | None = None
    block_enc_sig: int | None = None


def parse(value: Json) -> tuple[ZkSystem, ...]:
    """`zk_system_type`: the systems that are understood here, in the verifier's order of preference.

    Entries of other systems are left out: a wallet that does not know them cannot answer with them. Parameters are
    read where they stand, beside `id` and `system` (as Google and Multipaz send them) or inside `params` (as in
    ISO/IEC 18013-5, second edition, 10.2.7).
    """
    if not isinstance(value, list) or len(value) > MAX_SYSTEMS:
        raise FormatError("zk.systems", f"zk_system_type lists at most {MAX_SYSTEMS} systems", code="invalid_request")
    entries = [_entry(item) for item in value]
    if len({entry["id"] for entry in entries}) != len(entries):
        raise FormatError("zk.ids", "each zk system has its own id", code="invalid_request")
    return tuple(_longfellow(entry) for entry in entries if entry["system"] == LONGFELLOW)


def encode(systems: Sequence[ZkSystem]) -> list[Json]:
    """The flat form that today's wallets read."""
    return [_encode(system) for system in systems]


def offer(num_claims: int, *, now: datetime) -> tuple[ZkSystem, ...]:
    """What a request offers for that many claims: every circuit accepted at `now`, preferred first."""
    return tuple(
        ZkSystem(
            id=circuit.zk_system_id,
            system=LONGFELLOW,
            circuit_hash=circuit.circuit_hash,
            version=circuit.version,
            num_attributes=circuit.attributes,
            block_enc_hash=circuit.block_enc_hash,
            block_enc_sig=circuit.block_enc_sig,
        )
        for circuit in longfellow.accepted_circuits(num_claims, now=now)
    )


def choose(systems: Sequence[ZkSystem], *, num_claims: int, now: datetime) -> tuple[ZkSystem, Circuit]:
    """The first system offered whose circuit is accepted here too, for exactly this many claims; else `Refused`.

    The answer names the system by its `id`, which is the verifier's to choose; the circuit is found by its hash.
    """
    accepted = {circuit.circuit_hash: circuit for circuit in longfellow.accepted_circuits(num_claims, now=now)}
    for system in systems:
        if system.num_attributes == num_claims and system.circuit_hash in accepted:
            return system, accepted[system.circuit_hash]
    raise Refused("zk.circuit", "none of the proof systems asked for is one that is accepted here")


def _entry(item: Json) -> dict[str, Json]:
    if not isinstance(item, dict):
        raise FormatError("zk.system", "each zk system is a JSON object", code="invalid_request")
    nested = item.get("params", {})
    if not isinstance(nested, dict) or not set(nested).isdisjoint(item):
        # A parameter given twice could be read one way here and another way elsewhere.
        raise FormatError("zk.params", "params is an object that repeats nothing beside it", code="invalid_request")
    entry = {**nested, **{name: found for name, found in item.items() if name != "params"}}
    for name in ("id", "system"):
        if not 0 < len(strict_json.text(entry, name)) <= MAX_TEXT:
            raise FormatError(f"zk.{name}", f"{name} has 1 to {MAX_TEXT} characters", code="invalid_request")
    return entry


def _longfellow(entry: dict[str, Json]) -> ZkSystem:
    circuit_hash = strict_json.text(entry, "circuit_hash")
    if not _HASH.fullmatch(circuit_hash):
        raise FormatError("zk.circuit_hash", "a circuit hash is 64 lower-case hex digits", code="invalid_request")
    return ZkSystem(
        id=strict_json.text(entry, "id"),
        system=strict_json.text(entry, "system"),
        circuit_hash=circuit_hash,
        version=_number(entry, "version"),
        num_attributes=_number(entry, "num_attributes"),
        block_enc_hash=_number(entry, "block_enc_hash") if "block_enc_hash" in entry else None,
        block_enc_sig=_number(entry, "block_enc_sig") if "block_enc_sig" in entry else None,
    )


def _number(entry: dict[str, Json], name: str) -> int:
    found = strict_json.integer(entry, name)
    if not 0 < found < 1 << 31:
        raise FormatError(f"zk.{name}", f"{name} is a positive number", code="invalid_request")
    return found


def _encode(system: ZkSystem) -> dict[str, Json]:
    encoded: dict[str, Json] = {
        "system": system.system,
        "id": system.id,
        "circuit_hash": system.circuit_hash,
        "num_attributes": system.num_attributes,
        "version": system.version,
    }
    if system.block_enc_hash is not None:
        encoded["block_enc_hash"] = system.block_enc_hash
    if system.block_enc_sig is not None:
        encoded["block_enc_sig"] = system.block_enc_sig
    return encoded
