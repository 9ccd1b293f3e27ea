"""Position 18: everything about somebody has leaked, and is shown as proof of being them."""

import contextlib
from contextlib import nullcontext
from dataclasses import replace

from diptych.drill.bank import Bank, now
from diptych.drill.baselines.running import Baseline
from diptych.drill.builds import without
from diptych.drill.loot import Loot
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.positions.presentations import URL
from diptych.drill.scene import Scene
from diptych.errors import DiptychError
from diptych.formats.mdoc import verify
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import request_object, response
from diptych.protocols.openid4vp.registration import parse_trust
from diptych.roles.verifier.model import State
from diptych.roles.wallet.presenting import Consent

QUESTION = "identity_name"
NONCE = "a-nonce-of-the-impostor-0123456789"


def impersonate(scene: Scene, *, is_checked: bool = True) -> Loot:
    """A shop leaks what a wallet has shown it; the finder shows the same bytes to a bank. Counted: being believed."""
    folder = scene.ours.folder / "verifier"
    shop = Bank(folder, URL, scene.folder / f"leaking-shop-{is_checked}.db")
    bank = Bank(folder, URL, scene.folder / f"bank-{is_checked}.db")
    try:
        wallet = replace(scene.ours.wallet(next(iter(scene.ours.wallets))), verifier_line=shop)
        plan = wallet.review(shop.verifier.ask(QUESTION, now=now()).link, now=now())
        wallet.send(wallet.prepare(plan, Consent(agrees=True, accepts_linkable=True), now=now()))
        (leaked,) = shop.received
        with nullcontext() if is_checked else without(verify, "verify_device"):
            return Loot(openings=_believed(scene, bank, plan.disclosures[0].query_id, leaked))
    finally:
        shop.close()
        bank.close()


def _believed(scene: Scene, bank: Bank, query_id: str, leaked: bytes) -> int:
    asked = bank.verifier.ask(QUESTION, now=now())
    link = request_object.parse_link(asked.link)
    form = encode_form(request_object.encode_fetch(NONCE))
    request = request_object.verify(
        bank.verifier.serve_request(asked.id, form, now=now()),
        expected_client_id=link.client_id,
        expected_wallet_nonce=NONCE,
        trust=parse_trust((scene.ours.folder / "verifier" / "verifier-trust.json").read_bytes()),
        now=now(),
    )
    with contextlib.suppress(DiptychError):
        bank.verifier.take_answer(asked.id, encode_form(response.build(request, {query_id: [leaked]})), now=now())
    return int(bank.verifier.result(asked.secret, now=now()).state is State.ACCEPTED)


def answer_questions(scene: Scene, baseline: Baseline) -> Loot:
    """Today a service asks what only the person should know, and compares it with what is stored."""
    (person, *_) = baseline.people
    stored = baseline.ask("/records/1").json()
    asked = ("family_name", "birth_date", "document_number")
    return Loot(openings=int(all(stored[name] == person.values[name] for name in asked)))


POSITION = Position(
    number=18,
    name=Words("Leaked data shown as an identity", "Des données fuitées présentées comme identité"),
    takes=Words("everything about one citizen", "tout sur un citoyen"),
    promise=Words("refused: data is not proof", "refusé : des données ne sont pas une preuve"),
    plain=thefts.plain_of(answer_questions),
    common=thefts.common_of(answer_questions),
    ours=impersonate,
    weakened=lambda scene: impersonate(scene, is_checked=False),
    removed=Words("possession of the device key", "la possession de la clé de l'appareil"),
    is_one_person=True,
    wins=Words("believed", "cru"),
)
