"""`@openid4vc/openid4vci`, `@openid4vc/oauth2` and `@owf/mdoc`, which we did not write, issue to our wallet.

Our wallet is `diptych wallet`, as a citizen types it; it believes the stranger's signer because it was told to.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.formats.mdoc.trust import IssuerTrust, encode_trust
from diptych.protocols.openid4vp.registration import VerifierTrust
from diptych.protocols.openid4vp.registration import encode_trust as encode_verifier_trust
from tests.formats.mdoc_specimen import Authority, authority
from tests.interop.peers import npm_server
from tests.interop.town import objects, private_jwk
from tests.issuer_process import diptych
from tests.protocols import openid4vp_parties as parties

pytestmark = pytest.mark.peer(
    "@openid4vc/openid4vci", "@openid4vc/oauth2", "@owf/mdoc", role="issuer, before our wallet"
)

DOC_TYPE = "org.iso.18013.5.1.mDL"
NAMESPACE = "org.iso.18013.5.1"
VALUES = {"family_name": "Mustermann", "given_name": "Erika", "age_over_18": True, "issuing_country": "UT"}
COPIES = 5


@pytest.fixture(scope="module")
def stranger() -> Authority:
    now = datetime.now(UTC).replace(microsecond=0)  # the peer reads the real clock
    return authority("a stranger", signer_since=now - timedelta(days=2))


@pytest.fixture
def wallet(stranger: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty wallet that believes the stranger's licences."""
    trust, verifier_trust = tmp_path / "trust.json", tmp_path / "verifier-trust.json"
    trust.write_bytes(encode_trust(IssuerTrust({DOC_TYPE: (stranger.signer,)}, (stranger.root,))))
    believed = VerifierTrust((parties.ACCESS.root,), (parties.REGISTRAR.public_key,))
    verifier_trust.write_bytes(encode_verifier_trust(believed))
    monkeypatch.setenv("DIPTYCH_WALLET_PASSPHRASE", "seven seals in bronze")
    folder = tmp_path / "wallet"
    files = ("--trust", str(trust), "--verifier-trust", str(verifier_trust))
    made = diptych("wallet", "init", str(folder), *files, "--without-log")
    assert made.returncode == 0, made.stderr
    return folder


@contextmanager
def issuing(by: Authority, **more: object) -> Iterator[Mapping[str, object]]:
    """The peer's issuer with one order; its offer and transaction code."""
    now = datetime.now(UTC).replace(microsecond=0)
    validity = {"signed": now, "validFrom": now, "validUntil": now + timedelta(days=13)}
    question: dict[str, object] = {
        "docType": DOC_TYPE,
        "namespace": NAMESPACE,
        "values": VALUES,
        "signerKey": private_jwk(by.signer_key),
        "signerChain": [by.signer.hex()],
        "validity": {name: moment.isoformat() for name, moment in validity.items()},
        "batchSize": COPIES,
        **more,
    }
    with npm_server("openid4vci_issuer.mjs", "serve", question) as listen:
        yield listen()


def typed(wallet: Path, *command: str) -> dict[str, object]:
    """What a command of our wallet says."""
    done = diptych("wallet", *command, "--json", "--wallet", str(wallet))
    assert done.stdout, done.stderr
    said = json.loads(done.stdout)
    assert isinstance(said, dict)
    return said


def accepted(wallet: Path, offered: Mapping[str, object], *, tx_code: str | None = None) -> dict[str, object]:
    code = tx_code or str(offered["txCode"])
    return typed(wallet, "accept", str(offered["offer"]), "--tx-code", code, "--yes")


def test_our_wallet_receives_a_batch_of_licences_and_shows_them(stranger: Authority, wallet: Path) -> None:
    with issuing(stranger) as offered:
        received = accepted(wallet, offered)
    assert received["refused"] == []
    shown = typed(wallet, "show", "a-strangers-licence")
    assert shown["attributes"] == {NAMESPACE: VALUES}
    assert shown["copies"] == COPIES


def test_our_wallet_renews_against_the_refresh_token(stranger: Authority, wallet: Path) -> None:
    with issuing(stranger) as offered:
        accepted(wallet, offered)
        renewed = typed(wallet, "renew", "a-strangers-licence")
    assert renewed["failed"] == []
    (again,) = objects(renewed["renewed"])
    assert again["document"] == "a-strangers-licence"


def test_a_wrong_transaction_code_is_told_and_the_right_one_still_works(stranger: Authority, wallet: Path) -> None:
    with issuing(stranger) as offered:
        wrong = accepted(wallet, offered, tx_code="314159")
        assert "issuer.invalid_grant" in str(wrong)
        assert accepted(wallet, offered)["refused"] == []


def test_our_wallet_takes_no_document_of_a_signer_that_it_was_not_told_of(wallet: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    with issuing(authority("another", signer_since=now - timedelta(days=2))) as offered:
        assert "mdoc.signer_pinned" in str(accepted(wallet, offered)["refused"])


def test_our_wallet_takes_no_document_on_a_key_that_is_not_its_own(stranger: Authority, wallet: Path) -> None:
    with issuing(stranger, changes={"otherKey": True}) as offered:
        assert "wallet.copy_key" in str(accepted(wallet, offered)["refused"])
