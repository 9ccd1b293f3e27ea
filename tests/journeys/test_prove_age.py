"""A licence is issued at the counter; a shop gets one fact, proven in zero knowledge; a rental desk gets a name."""

import os
from datetime import timedelta
from pathlib import Path

from diptych.adapters.canary_search import search
from diptych.adapters.provers.prover import DisposableProver
from diptych.adapters.provers.verifier_pool import VerifierPool
from diptych.adapters.storage.wallet import create_wallet_store, open_wallet_store
from diptych.crypto.passphrase import Hardness
from diptych.private import Secret
from diptych.roles.verifier.model import State
from diptych.roles.wallet.planning import Mechanism
from diptych.roles.wallet.presenting import Consent
from tests.play import Play

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
PASSPHRASE = Secret(b"seven seals in bronze")
AGREED = Consent(agrees=True)


def test_a_licence_is_issued_and_two_facts_are_proven_in_zero_knowledge(tmp_path: Path) -> None:
    path = tmp_path / "wallet.db"
    with VerifierPool(workers=1) as pool:
        # The citizen makes a wallet; it is sealed under a passphrase.
        store = create_wallet_store(path, PASSPHRASE, hardness=EASY, entropy=os.urandom)
        play = Play(store=store, prover=DisposableProver(), proofs=pool)

        # The officer approves; the citizen scans the offer and types the transaction code.
        received = play.receive()
        assert {document.configuration_id for document in received.documents} == {
            "driving-licence",
            "proof-of-age",
            "driving-entitlement",
        }

        # Another day, another start of the wallet: the passphrase opens it, and nothing was lost.
        play.later(days=3)
        play.store = open_wallet_store(path, PASSPHRASE, entropy=os.urandom, least=EASY)
        wallet = play.new_wallet()

        # The shop asks whether this person is over 18. It learns that, and keeps the verdict.
        asked = play.ask("over_18")
        plan = wallet.review(asked.link, now=play.now)
        assert plan.mechanism is Mechanism.LONGFELLOW
        assert wallet.answer(plan, AGREED, now=play.now).is_accepted
        result = play.result(asked)
        assert result.state is State.ACCEPTED
        assert result.revealed == {}
        assert result.measured is not None
        assert result.measured.mechanism.value == "longfellow"
        assert 300_000 < result.measured.size < 1_000_000

        # The rental desk asks whether this person may drive category B. Nobody sees the licence.
        asked = play.ask("drive_category_b")
        plan = wallet.review(asked.link, now=play.now)
        assert plan.mechanism is Mechanism.LONGFELLOW
        assert wallet.answer(plan, AGREED, now=play.now).is_accepted
        assert play.result(asked).state is State.ACCEPTED

    # Before they run out the wallet renews both proofs by itself, and the licence is still there.
    play.later(days=9)
    renewed = wallet.renew_due(now=play.now)
    assert {document.configuration_id for document in renewed.documents} == {"proof-of-age", "driving-entitlement"}
    assert all(document.valid_until > play.now + timedelta(days=13) for document in renewed.documents)

    # Its owner sees what it says and what was done with it; whoever takes the file sees neither.
    licence = wallet.show("driving-licence", now=play.now)
    assert "Mustermann" in [attribute.value.reveal() for attribute in licence.attributes]
    assert len(wallet.history()) == 3 + 2 + 2
    assert search([tmp_path], ["Mustermann", "Erika", "B072RRE2I55", "18013", "Café Utopia", "seven seals"]) == []


def test_a_name_is_shown_once_and_nothing_else_with_it() -> None:
    play = Play()
    play.receive()

    # The rental desk needs a name for its contract: selective disclosure, and the wallet says what that means.
    asked = play.ask("licence_name")
    plan = play.wallet.review(asked.link, now=play.now)
    assert plan.mechanism is Mechanism.MDOC
    assert play.wallet.answer(plan, AGREED, now=play.now).is_accepted

    # The desk's program is handed the name, once; the desk keeps the verdict.
    first, second = play.result(asked), play.result(asked)
    assert {name: value.reveal() for name, value in first.revealed.items()} == {"family_name": "Mustermann"}
    assert second.revealed == {}

    # The copy that was shown is spent.
    assert play.wallet.show("driving-licence", now=play.now).copies_left == 9
