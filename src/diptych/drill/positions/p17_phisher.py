"""Position 17: a verifier that nobody registered, one that asks for more than it registered, and a relayed request."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.adapters.verifier_folder import open_folder
from diptych.drill.bank import Bank, now
from diptych.drill.baselines.running import Baseline
from diptych.drill.builds import without
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.positions.presentations import URL
from diptych.drill.scene import Scene
from diptych.errors import DiptychError
from diptych.protocols.openid4vp import registration
from diptych.roles.verifier.policy import Alternative, Expectation, Policy
from diptych.roles.wallet.presenting import Consent

if TYPE_CHECKING:
    from diptych.roles.wallet.service import Wallet

QUESTION = "identity_name"
RETURN = "http://127.0.0.1:9/back"


def phish(scene: Scene) -> Loot:
    """Each of the three in turn, before a person who agrees to everything. Counted: answers that the phisher reads.

    Two of them are seen when the wallet says so, with the request that they have signed.
    """
    unregistered, over_asking = _unregistered(scene), _over_asking(scene)
    told = [one.seen_after for one in (unregistered, over_asking) if one.seen_after is not None]
    return Loot(
        openings=unregistered.openings + over_asking.openings + _relayed(scene),
        seen_after=max(told) if len(told) == 2 else None,
    )


def _unregistered(scene: Scene) -> Loot:
    folder = scene.folder / "phisher"
    if not folder.exists():
        scene.rooms.new_verifier(folder, URL, scene.ours.folder / "issuer" / "trust.json", "Your bank", "UT")
    with _bank(folder, scene.folder / "phisher.db") as bank:
        return _answered(_somebody(scene), bank, bank.verifier.ask(QUESTION, now=now()).link)


def _over_asking(scene: Scene) -> Loot:
    folder = scene.ours.folder / "verifier"
    wider = {name: _wider(policy) for name, policy in open_folder(folder, now=now()).policies.items()}
    with _bank(folder, scene.folder / "over-asking.db", wider) as bank:
        return _answered(_somebody(scene), bank, bank.verifier.ask(QUESTION, now=now()).link)


def _relayed(scene: Scene) -> int:
    """The phisher began a session with an honest verifier and sent its link on. The verdict is for another browser."""
    with _bank(scene.ours.folder / "verifier", scene.folder / "relayed.db") as bank:
        asked = bank.verifier.ask(QUESTION, now=now(), return_uri=RETURN)
        wallet = replace(_somebody(scene), verifier_line=bank.honest)
        with contextlib.suppress(DiptychError):
            plan = wallet.review(asked.link, now=now())
            wallet.send(wallet.prepare(plan, Consent(agrees=True, accepts_linkable=True), now=now()))
            return int(bool(bank.verifier.result(asked.secret, now=now()).revealed))
        return 0


def _answered(wallet: "Wallet", bank: Bank, link: str) -> Loot:
    wallet, seen_after = replace(wallet, verifier_line=bank), None
    started = time.monotonic()
    try:
        plan = wallet.review(link, now=now())
        wallet.send(wallet.prepare(plan, Consent(agrees=True, accepts_linkable=True), now=now()))
    except DiptychError:
        seen_after = time.monotonic() - started
    return Loot(openings=len(bank.received), seen_after=seen_after)


def _somebody(scene: Scene) -> "Wallet":
    return scene.ours.wallet(next(iter(scene.ours.wallets)))


@contextmanager
def _bank(folder: Path, database: Path, policies: Mapping[str, Policy] | None = None) -> Iterator[Bank]:
    bank = Bank(folder, URL, database, policies)
    try:
        yield bank
    finally:
        bank.close()


def _wider(policy: Policy) -> Policy:
    return replace(policy, alternatives=tuple(_asking_more(alternative) for alternative in policy.alternatives))


def _asking_more(alternative: Alternative) -> Alternative:
    return replace(alternative, claims=(*alternative.claims, Expectation("birth_date")))


def credulous(scene: Scene) -> Loot:
    """A wallet that does not look at what was registered."""
    with without(registration, "check_covers"):
        return _over_asking(scene)


def form(scene: Scene, baseline: Baseline) -> Loot:
    """Today a page asks for a copy of the card, and whoever copied the page gets it."""
    (person, *_) = baseline.people
    copied = {**person.values}
    return Loot(len(person.canaries), openings=int("family_name" in copied))


POSITION = Position(
    number=17,
    name=Words("A phisher, and a verifier that over-asks", "Un hameçonneur, et un vérificateur trop curieux"),
    takes=Words("a citizen who agrees to everything", "un citoyen qui consent à tout"),
    promise=Words("refused by the wallet", "refusé par le portefeuille"),
    plain=thefts.plain_of(form),
    common=thefts.common_of(form),
    ours=phish,
    weakened=credulous,
    removed=Words("the check of what was registered", "le contrôle de ce qui est déclaré"),
    is_one_person=True,
    wins=Words("the whole card", "toute la carte"),
)
