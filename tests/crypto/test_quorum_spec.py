"""docs/spec/quorum.md is enough: its vectors, made or opened without our code, are what our code does."""

import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from diptych.crypto import agreement, hpke, share_recovery, sharing
from diptych.private import Secret
from tests.crypto.test_hpke import key_schedule, shared_secret

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "quorum"
SHARES: dict[str, Any] = json.loads((FOLDER / "shares.json").read_text())
ENVELOPES: dict[str, str] = json.loads((FOLDER / "envelopes.json").read_text())


def of(value: str) -> bytes:
    return bytes.fromhex(value)


def test_the_vectors_are_what_the_specification_alone_makes() -> None:
    made = subprocess.run([sys.executable, FOLDER / "make.py"], check=True, capture_output=True, text=True).stdout
    assert made == (FOLDER / "shares.json").read_text()


def test_shares_and_hashes_are_those_of_the_vectors() -> None:
    drawn = b"".join(map(of, SHARES["coefficients"]))
    indices = [int(index) for index in SHARES["shares"]]
    shares = sharing.split(
        Secret(of(SHARES["secret"])), threshold=3, indices=indices, entropy=lambda count: drawn[:count]
    )
    for index in indices:
        assert shares[index].reveal() == of(SHARES["shares"][str(index)])
        found = sharing.share_hash(shares[index], context=of(SHARES["contexts"][str(index)]))
        assert found == of(SHARES["hashes"][str(index)])


def test_a_recovery_is_that_of_the_vectors() -> None:
    run = SHARES["recovery"]
    helpers, target = run["helpers"], run["target"]
    sums = {}
    for helper in helpers:
        masks = b"".join(of(run["pieces"][str(helper)][str(to)]) for to in helpers if to != helper)
        pieces = share_recovery.contribute(
            Secret(of(SHARES["shares"][str(helper)])),
            index=helper,
            target=target,
            helpers=helpers,
            threshold=3,
            entropy=lambda count, masks=masks: masks[:count],
        )
        assert {str(to): piece.reveal().hex() for to, piece in pieces.items()} == run["pieces"][str(helper)]
        given = {source: Secret(of(run["pieces"][str(source)][str(helper)])) for source in helpers}
        sums[helper] = share_recovery.add_pieces(given, helpers=helpers)
        assert sums[helper].reveal() == of(run["sums"][str(helper)])
    share = share_recovery.assemble(
        sums,
        target=target,
        helpers=helpers,
        threshold=3,
        expected_hash=of(SHARES["hashes"][str(target)]),
        context=of(SHARES["contexts"][str(target)]),
    )
    assert share.reveal() == of(SHARES["shares"][str(target)])


def token_key() -> ec.EllipticCurvePrivateKey:
    key = serialization.load_der_private_key(of(ENVELOPES["token_private_key"]), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def test_the_recorded_envelopes_open_with_our_code() -> None:
    inner = hpke.load_recipient(Secret(of(ENVELOPES["private_key"])))
    outer = hpke.TokenBoundRecipient(agreement.SoftwareAgreementKey(token_key()), inner)
    info = of(ENVELOPES["info"])
    assert inner.public_key == of(ENVELOPES["public_key"])
    assert outer.public_key == of(ENVELOPES["token_public_key"])
    assert inner.open_sealed(of(ENVELOPES["sealed"]), info=info) == of(ENVELOPES["plaintext"])
    assert outer.open_sealed(of(ENVELOPES["token_sealed"]), info=info) == of(ENVELOPES["plaintext"])


def test_the_recorded_envelopes_open_without_our_code() -> None:
    private, info = of(ENVELOPES["private_key"]), of(ENVELOPES["info"])

    def hybrid(sealed: bytes) -> bytes:
        assert sealed[0] == 1
        key, nonce = key_schedule(shared_secret(sealed[1:1121], private[1:65], private[65:]), info, 2)
        return AESGCM(key).decrypt(nonce, sealed[1121:], None)

    assert hybrid(of(ENVELOPES["sealed"])) == of(ENVELOPES["plaintext"])
    sealed = of(ENVELOPES["token_sealed"])
    assert sealed[0] == 2
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sealed[1:66])
    prk = hmac.new(
        sealed[1:66] + of(ENVELOPES["token_public_key"]), token_key().exchange(ec.ECDH(), point), hashlib.sha256
    )
    key = hmac.new(prk.digest(), b"diptych token envelope 2\n" + info + b"\1", hashlib.sha256).digest()
    assert hybrid(AESGCM(key).decrypt(bytes(12), sealed[66:], None)) == of(ENVELOPES["plaintext"])
