"""Longfellow: zero-knowledge proofs over mdoc documents signed with ES256 (`longfellow-libzk-v1`).

What can be said about a proof without native code is here: claims, limits, circuits. Proving and verifying are in
`native`, which only the disposable processes of `adapters/provers` import: native code never runs in a process
that holds anything else. Neither docType nor namespace is bound by the circuits: see `native`.
"""

from diptych.crypto.longfellow.circuits import (
    CIRCUITS,
    SYSTEM,
    Circuit,
    accepted_circuits,
    circuit_by_id,
    circuit_for,
)
from diptych.crypto.longfellow.engines import Engine, engine_to_prove
from diptych.crypto.longfellow.limits import (
    MAX_CLAIMS,
    MAX_ENCODED_VALUE_BYTES,
    MAX_IDENTIFIER_BYTES,
    MAX_TAGGED_ITEM_BYTES,
    Claim,
    check_claims,
    check_proof_size,
    check_provable,
    check_statement,
    check_tagged_item,
    check_tagged_mso,
    room_for_value,
    timestamp_text,
)

__all__ = [
    "CIRCUITS",
    "MAX_CLAIMS",
    "MAX_ENCODED_VALUE_BYTES",
    "MAX_IDENTIFIER_BYTES",
    "MAX_TAGGED_ITEM_BYTES",
    "SYSTEM",
    "Circuit",
    "Claim",
    "Engine",
    "accepted_circuits",
    "check_claims",
    "check_proof_size",
    "check_provable",
    "check_statement",
    "check_tagged_item",
    "check_tagged_mso",
    "circuit_by_id",
    "circuit_for",
    "engine_to_prove",
    "room_for_value",
    "timestamp_text",
]
