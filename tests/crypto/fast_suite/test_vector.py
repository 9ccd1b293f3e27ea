"""A presentation from fixed keys and entropy: the same bytes until a new version of the suite says otherwise."""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from diptych.crypto import bbs
from diptych.crypto.bls12381 import encode_scalar, random_scalars
from diptych.crypto.fast_suite.credential import Field, Kind, Layout, Value, day_number, issue, receive, request
from diptych.crypto.fast_suite.proof import Context, prove, verify
from diptych.crypto.fast_suite.statements import Statement, Witness
from diptych.crypto.fast_suite.statements.disclosure import Disclosure
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.pseudonym import Pseudonym
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.tokens import (
    EpochKey,
    issue_tokens,
    public_set,
    token_public_key,
    verify_set,
    verify_token,
)
from diptych.private import Secret

FILE = Path(__file__).resolve().parents[2] / "vectors" / "fast_suite" / "presentation.json"


def seeded(name: str) -> Callable[[int], bytes]:
    """SHAKE-256 of the name, read on: the same bytes in every run, never the same twice in one."""
    position = 0

    def entropy(count: int) -> bytes:
        nonlocal position
        position += count
        return hashlib.shake_256(name.encode()).digest(position)[position - count :]

    return entropy


def key(name: str) -> tuple[Secret, bytes]:
    sk = Secret(bbs.keygen(seeded(name)(32)))
    return sk, token_public_key(sk)


def build() -> dict[str, Any]:
    """Everything in the vector; `python -m tests.crypto.fast_suite.test_vector` writes it down."""
    issuer_sk, issuer_key = key("issuer")
    epoch_sk, epoch_key = key("epoch")
    digits_sk, digits_key = key("digits")
    layout = Layout(
        "example.utopia.licence",
        (
            Field("family_name", Kind.TEXT),
            Field("birth_date", Kind.DATE),
            Field("points", Kind.INTEGER),
            Field("revocation_id", Kind.IDENTIFIER),
        ),
    )
    identifier = random_scalars(1, seeded("revocation id"))[0]
    values: list[Value] = ["Eriksson", date(1990, 5, 17), None, identifier]
    holder_secret = Secret(encode_scalar(random_scalars(1, seeded("holder secret"))[0]))
    commitment, blind = request(holder_secret, entropy=seeded("request"))
    signature = issue(issuer_sk, issuer_key, layout, values, commitment)
    credential = receive(
        signature, issuer_key=issuer_key, layout=layout, values=values, holder_secret=holder_secret, blind=blind
    )
    digits = public_set(range(256), digits_key)
    signed_digits = verify_set(digits, issue_tokens(digits_sk, digits.elements), entropy=seeded("weights"))
    token = issue_tokens(epoch_sk, [identifier])[0]

    holds = Possession(0, issuer_key, layout)
    context = Context(seeded("nonce")(16), "https://verifier.example", "older than 18")
    claims: list[tuple[Statement, Witness]] = [
        (holds, credential),
        (Disclosure(holds.attribute("family_name"), Kind.TEXT, "Eriksson"), None),
        (Range(holds.attribute("birth_date"), digits, at_most=day_number(date(2008, 11, 24))), signed_digits),
        (
            NotRevoked(holds.attribute("revocation_id"), EpochKey("2026-11-24", epoch_key)),
            verify_token(epoch_key, identifier, token),
        ),
        (Pseudonym(holds.holder_secret, "loyalty"), None),
    ]
    presentation = prove(claims, context, entropy=seeded("prove"))
    verified = verify(
        presentation,
        expected_statements=[statement for statement, _ in claims],
        expected_context=context,
        entropy=seeded("verify"),
    )
    return {
        "keys": {"issuer": issuer_key.hex(), "epoch": epoch_key.hex(), "digits": digits_key.hex()},
        "layout": {
            "document_type": layout.document_type,
            "fields": [[field.name, field.kind.value.decode()] for field in layout.fields],
        },
        "credential": {
            "revocation_id": encode_scalar(identifier).hex(),
            "holder_secret": holder_secret.reveal().hex(),
            "commitment": commitment.hex(),
            "blind": blind.reveal().hex(),
            "signature": signature.hex(),
            "epoch_token": token.hex(),
        },
        "context": {"nonce": context.nonce.hex(), "audience": context.audience, "policy": context.policy},
        "statements": [
            ["possession", 0],
            ["disclosure", "family_name", "Eriksson"],
            ["range", "birth_date", "at most", day_number(date(2008, 11, 24)), 2],
            ["not_revoked", "revocation_id", "2026-11-24"],
            ["pseudonym", "loyalty"],
        ],
        "pseudonym": verified.pseudonyms[0].hex(),
        "presentation": presentation.hex(),
    }


def test_the_recorded_presentation_is_made_again_byte_for_byte() -> None:
    assert build() == json.loads(FILE.read_text())


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(build(), indent=2) + "\n")
