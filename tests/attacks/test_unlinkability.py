"""Positions 11, 12 and 18: verifiers who pool all they received, with and without the issuer, and replayed data.

Every mode that the wallet offers plays the same game. Each attack wins first, on a build that is weaker in one place.
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.provers.prover import DisposableProver
from diptych.crypto.bls12381 import encode_scalar
from diptych.crypto.fast_suite.statements import token
from diptych.formats import cbor
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.protocols.openid4vp import response
from diptych.roles.wallet import fast_answering
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import MemoryWalletStore
from diptych.roles.wallet.planning import Mechanism, Unanswerable
from diptych.roles.wallet.ports import Prover
from diptych.roles.wallet.presenting import Presenting
from diptych.roles.wallet.service import Wallet
from tests.attacks.unlinkability_game import Adversary, Transcript, advantage, atoms
from tests.fast_play import AGREED, FastPlay
from tests.play import PROOF

ROUNDS = 8


class Town:
    """Two citizens whose licences the same issuer signed, the adversary among the verifiers, and some others."""

    def __init__(self, folder: Path, prover: Prover | None = None) -> None:
        self.play = FastPlay(folder, prover=prover or RandomisedProver())
        self.citizens = [self.citizen() for _ in range(2)]
        self.others = [self.citizen() for _ in range(2)]
        self.play.publish()
        for one in (*self.citizens, *self.others):
            one.fetch_tokens(now=self.play.now)

    def citizen(self) -> Wallet:
        self.play.store = MemoryWalletStore()
        self.play.wallet = self.play.new_wallet()
        self.play.take_trust()
        self.play.receive()
        return self.play.wallet

    def transcript(self, wallet: Wallet, policy: str, mechanism: Mechanism) -> Transcript:
        """One answer as the verifier has it, once the envelope for its own key is open."""
        seen: list[bytes] = []
        asked = self.play.ask(policy)
        plan = wallet.review(asked.link, now=self.play.now)
        assert plan.mechanism is mechanism
        with opened_envelopes(seen):
            wallet.prepare(plan, AGREED, now=self.play.now)
        return Transcript(seen[0], len(seen[0]))

    def adversary(self, policy: str, mechanism: Mechanism) -> Adversary:
        """It has seen what others answer, and has all that the issuer ever sent to anybody."""
        seen = [self.transcript(one, policy, mechanism) for one in self.others]
        common = functools.reduce(frozenset.intersection, (atoms(one.presentation) for one in seen))
        return Adversary(common, frozenset(one.size for one in seen), [self.issued(one) for one in self.citizens])

    def issued(self, wallet: Wallet) -> frozenset[bytes]:
        """What the issuer and its epochs have given to one wallet, and what it knows of its commitments."""
        contents = Contents(wallet.store.read())
        found: set[bytes] = set()
        for document in contents.documents():
            for copy in contents.copies(document.id):
                found |= self.secretive(atoms(copy.issuer_signed.reveal()))
                found.add(parse_issuer_signed(copy.issuer_signed.reveal()).issuer_auth.signature)
            proving = contents.proving(document.id)
            if proving is not None:
                found |= self.secretive(atoms(proving.credential.reveal()))
            found |= {one.token.reveal() for one in contents.tokens(document.id)}
            commitment = contents.commitment(document.grant_id)
            if commitment is not None:
                found.add(commitment.commitment[:48])
        others = self.__dict__.setdefault("_everybody", self.everybody())
        return frozenset(found - others)

    @staticmethod
    def secretive(found: frozenset[bytes]) -> set[bytes]:
        """What is long enough to be of one person."""
        return {one for one in found if len(one) >= 16}

    def everybody(self) -> set[bytes]:
        """What the issuer gave to others too: names of the specimen, keys, certificates."""
        found: set[bytes] = set()
        for wallet in self.others:
            contents = Contents(wallet.store.read())
            for document in contents.documents():
                for copy in contents.copies(document.id):
                    found |= atoms(copy.issuer_signed.reveal())
                proving = contents.proving(document.id)
                if proving is not None:
                    found |= atoms(proving.credential.reveal())
        return found

    def advantage(self, policy: str, mechanism: Mechanism, rounds: int = ROUNDS) -> float:
        def play(is_one: bool) -> tuple[Transcript, Transcript]:
            first, second = (self.citizens[0], self.citizens[0] if is_one else self.citizens[1])
            return self.transcript(first, policy, mechanism), self.transcript(second, policy, mechanism)

        return advantage(self.adversary(policy, mechanism), play, rounds)


class RandomisedProver:
    """Longfellow's place in most of the game: what its zero knowledge says, that a proof is as good as random bytes.

    All else on the wire is real. With the real prover the game is played once, because a proof takes seconds.
    """

    def prove(self, **_: object) -> bytes:
        return os.urandom(len(PROOF))


@contextmanager
def opened_envelopes(seen: list[bytes]) -> Iterator[None]:
    original = response.build

    def build(verified, presentations):  # type: ignore[no-untyped-def]
        seen.extend(found for one in presentations.values() for found in one)
        return original(verified, presentations)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response, "build", build)
        yield


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


FAST = ("age_on_the_day", "licence_stands")


@pytest.mark.parametrize("policy", FAST)
def test_answers_of_the_fast_suite_are_linked_by_nobody(town: Town, policy: str) -> None:
    assert town.advantage(policy, Mechanism.BBS) == 0


def test_answers_of_longfellow_are_linked_by_nobody(town: Town) -> None:
    for wallet in (*town.citizens, *town.others):
        without_the_fast_suite(wallet)
    assert town.advantage("over_18", Mechanism.LONGFELLOW) == 0


def test_real_proofs_of_longfellow_are_linked_by_nobody(tmp_path: Path) -> None:
    """Sizes, fields and their order are the prover's own: seven proofs, two of others, two pairs, one kept."""
    town = Town(tmp_path, DisposableProver())
    for wallet in (*town.citizens, *town.others):
        without_the_fast_suite(wallet)
    seen: list[Transcript] = []
    adversary = town.adversary("over_18", Mechanism.LONGFELLOW)

    def play(is_one: bool) -> tuple[Transcript, Transcript]:
        pair = (town.citizens[0], town.citizens[0] if is_one else town.citizens[1])
        seen.extend(town.transcript(one, "over_18", Mechanism.LONGFELLOW) for one in pair)
        return seen[-2], seen[-1]

    assert advantage(adversary, play, rounds=2) == 0
    # A proof's size is its own, drawn anew each time: one citizen's differ as two citizens' do, and by little.
    sizes = {one.size for one in seen} | adversary.sizes
    assert max(sizes) - min(sizes) < min(sizes) // 20
    assert min(sizes) > 300_000
    # The weaker build: a wallet that keeps a proof and shows it again. The same adversary wins.
    keeping = replace(town.citizens[0], prover=KeptProof(DisposableProver()))
    pair = [town.transcript(keeping, "over_18", Mechanism.LONGFELLOW) for _ in range(2)]
    assert adversary.is_one_citizen(*pair) is True


@dataclass
class KeptProof:
    """Proves once."""

    real: DisposableProver
    proof: bytes = b""

    def prove(self, **task: object) -> bytes:
        if not self.proof:
            self.proof = self.real.prove(**task)  # type: ignore[arg-type]
        return self.proof


def without_the_fast_suite(wallet: Wallet) -> None:
    wallet.store._entries = {  # type: ignore[attr-defined]
        key: entry for key, entry in wallet.store.read().items() if key.kind.value != "proving"
    }


def test_plain_copies_are_linked_by_the_issuer_and_the_readme_says_so(town: Town) -> None:
    # Position 12 where it fails: the issuer knows whom it gave each copy.
    assert town.advantage("licence_name", Mechanism.MDOC, rounds=4) == 1
    # Position 11 where it holds, as long as each copy is used once: verifiers alone see nothing but what was shown.
    adversary = replace(town.adversary("licence_name", Mechanism.MDOC), issued=[])
    one = [town.transcript(town.citizens[0], "licence_name", Mechanism.MDOC) for _ in range(2)]
    assert adversary.is_one_citizen(*one) is None
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "recognise" in readme


def test_pseudonyms_are_linked_where_they_were_asked_for_and_nowhere_else(town: Town) -> None:
    # One citizen is always recognised; of two, two different pseudonyms say nothing that a guess does not.
    assert town.advantage("same_customer", Mechanism.BBS, rounds=4) == 0.5
    adversary = town.adversary("same_customer", Mechanism.BBS)
    here = town.transcript(town.citizens[0], "same_customer", Mechanism.BBS)
    town.play.meet(town.play.fast_verifier("Another Café"))
    there = town.transcript(town.citizens[0], "same_customer", Mechanism.BBS)
    assert adversary.is_one_citizen(here, there) is None


# Weakened builds: one place at a time, and the same adversary wins.


def _reused_blinding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Precomputed points that are used twice."""

    def assign(given, knowledge):  # type: ignore[no-untyped-def]
        return token.Assignment((given,), (1,))

    monkeypatch.setattr("diptych.crypto.fast_suite.statements.not_revoked.assign_token", assign)


def _changed_answers(monkeypatch: pytest.MonkeyPatch, member: str, secret: str) -> None:
    """An answer's member holds something of one person: a status list's index, or a key of their own."""

    def answer(candidate, verified, digits, *, entropy):  # type: ignore[no-untyped-def]
        data = cbor.as_text_map(cbor.decode(fast_answering.answer(candidate, verified, digits, entropy=entropy)), "x")
        layout = candidate.held.credential.layout
        position = layout.holder_secret_index if secret == "key" else layout.index("revocation_id")
        data[member] = encode_scalar(candidate.held.credential.scalars[position])
        return cbor.encode(data)

    monkeypatch.setattr("diptych.roles.wallet.presenting.answer", answer)


def _revocation_id_on_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    _changed_answers(monkeypatch, "epoch", "id")


def _a_key_for_each_person(monkeypatch: pytest.MonkeyPatch) -> None:
    _changed_answers(monkeypatch, "key", "key")


@pytest.mark.parametrize("weaken", [_reused_blinding, _revocation_id_on_the_wire, _a_key_for_each_person])
def test_on_a_weaker_build_the_same_adversary_wins(
    town: Town, weaken: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    weaken(monkeypatch)
    assert town.advantage("licence_stands", Mechanism.BBS, rounds=4) >= 0.5


def test_a_pseudonym_from_a_scope_that_the_verifier_may_choose_is_linked_elsewhere(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Presenting._prove_fast

    def chosen(self, contents, plan, planned):  # type: ignore[no-untyped-def]
        anyone = replace(plan.verified.verifier, scope="whatever the verifier says")
        return real(self, contents, replace(plan, verified=replace(plan.verified, verifier=anyone)), planned)

    monkeypatch.setattr(Presenting, "_prove_fast", chosen)
    adversary = town.adversary("same_customer", Mechanism.BBS)
    here = town.transcript(town.citizens[0], "same_customer", Mechanism.BBS)
    town.play.meet(town.play.fast_verifier("Another Café"))
    there = town.transcript(town.citizens[0], "same_customer", Mechanism.BBS)
    assert adversary.is_one_citizen(here, there) is True


# Position 18: data that leaked proves nothing.


def test_a_leaked_credential_without_its_holder_secret_answers_nothing(town: Town) -> None:
    """Everything that the issuer ever sent, without what never left the wallet."""
    wallet = town.citizens[0]
    contents = Contents(wallet.store.read())
    document = contents.document("driving-licence")
    thief = town.others[0]
    stolen = Contents(thief.store.read())
    proving = contents.proving(document.id)
    assert proving is not None
    mine = stolen.document("driving-licence")
    stolen.put_proving(replace(proving, document_id=mine.id))
    stolen.save(thief.store)
    with pytest.raises(Unanswerable):
        thief.review(town.play.ask("licence_stands").link, now=town.play.now)


def test_a_leaked_answer_is_refused_anywhere_else_and_any_other_time(town: Town) -> None:
    first, second = town.play.ask("age_on_the_day"), town.play.ask("age_on_the_day")
    wallet = town.citizens[0]
    plans = [wallet.review(one.link, now=town.play.now) for one in (first, second)]
    kept = wallet.prepare(plans[0], AGREED, now=town.play.now)
    assert wallet.send(kept).is_accepted
    assert not wallet.send(replace(kept, plan=plans[1])).is_accepted
    town.play.later(seconds=timedelta(minutes=1).total_seconds())
    assert not wallet.send(kept).is_accepted
