"""What verifiers have received in a town: two answers from each of two citizens, in zero knowledge or shown plainly."""

from dataclasses import replace
from typing import TYPE_CHECKING

from diptych.crypto.signing import load_signer
from diptych.drill.bank import Bank, now
from diptych.drill.baselines.running import Baseline
from diptych.drill.baselines.table import as_json
from diptych.drill.scene import Scene
from diptych.formats import cbor
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.present import present
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Copy
from diptych.roles.wallet.presenting import Consent

if TYPE_CHECKING:
    from diptych.roles.wallet.service import Wallet

Messages = list[tuple[int, bytes]]
TWICE = 2
QUESTION, AGE = "over_18", "eu.europa.ec.av.1"
URL = "http://127.0.0.1:8102"


def proven(scene: Scene) -> Messages:
    """What two collecting verifiers get from wallets that answer as they do: proofs. Made once a drill."""
    if "proven" not in scene.kept:
        scene.kept["proven"] = _collect(scene)
    return scene.kept["proven"]


def _collect(scene: Scene) -> Messages:
    messages: Messages = []
    system = scene.ours
    for shop in range(TWICE):
        bank = Bank(system.folder / "verifier", URL, scene.folder / f"shop-{shop}.db")
        for number in system.wallets:
            wallet = replace(system.wallet(number), verifier_line=bank)
            plan = wallet.review(bank.verifier.ask(QUESTION, now=now()).link, now=now())
            wallet.send(wallet.prepare(plan, Consent(agrees=True), now=now()))
            messages.append((number, bank.received[-1]))
        bank.close()
    return messages


def shown_alike(scene: Scene) -> Messages:
    """The same from wallets without zero knowledge that show one copy to everybody."""
    return [
        (number, _shown(scene.ours.wallet(number), cbor.encode([None, None, time])))
        for number in scene.ours.wallets
        for time in range(TWICE)
    ]


def issued(scene: Scene) -> Messages:
    """Everything that the issuer has ever signed for them, as it could have kept it."""
    return [
        (number, b"\0".join(copy.issuer_signed.reveal() for copy in _copies(scene.ours.wallet(number))))
        for number in scene.ours.wallets
    ]


def copies_of_cards(baseline: Baseline) -> Messages:
    """What is handed over today: a copy of the whole card, each time anew."""
    people = baseline.people[:TWICE]
    return [
        (person.number, f"shop {time}\n".encode() + as_json(person.values))
        for person in people
        for time in range(TWICE)
    ]


def _copies(wallet: "Wallet") -> list[Copy]:
    contents = Contents(wallet.store.read())
    return [copy for document in contents.documents() for copy in contents.copies(document.id)]


def _shown(wallet: "Wallet", transcript: bytes) -> bytes:
    contents = Contents(wallet.store.read())
    document = next(found for found in contents.documents() if found.doc_type == AGE)
    copy = contents.copies(document.id)[0]
    signed = parse_issuer_signed(copy.issuer_signed.reveal())
    shown = present(
        signed,
        doc_type=document.doc_type,
        disclose={next(iter(signed.namespaces)): ["age_over_18"]},
        transcript=transcript,
        device_signer=load_signer(copy.device_key.reveal()),
    )
    return DeviceResponse(documents=(shown,)).encode()
