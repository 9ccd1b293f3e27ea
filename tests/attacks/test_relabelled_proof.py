"""An attacker holds a true document of another kind, and passes a proof from it off as a proof of age.

The circuits bind neither docType nor namespace, so the proof itself holds: what stops it is that verifiers pin a signer
for each docType, that signs one namespace. Each attack first wins against a verifier that does not pin.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from diptych.adapters.provers.prover import DisposableProver
from diptych.adapters.provers.verifier_pool import VerifierPool
from diptych.crypto.longfellow import Claim, circuit_for
from diptych.errors import VerificationError
from diptych.formats import cbor
from diptych.formats.mdoc import device_auth
from diptych.formats.mdoc.device_response import NO_DEVICE_ITEMS, DeviceResponse, DeviceSigned
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.roles.verifier.model import State
from tests import verifying
from tests.protocols.openid4vp_parties import NOW
from tests.verifying import AGE_SIGNER, AV, ISSUERS, TRUST, DocumentSigner, HeldDocument, Town

CLUB_CARD = "example.utopia.club_card.1"
CLUB = DocumentSigner.certified()
PINNED = replace(TRUST, signers={**TRUST.signers, CLUB_CARD: (CLUB.leaf,)})
# The weakened build: any signer under the root is good for any document.
UNPINNED = IssuerTrust({AV: (AGE_SIGNER.leaf, CLUB.leaf)}, (ISSUERS.root,))

# What a club writes on its cards is its own business, and its members' to invent.
SAME_NAMESPACE = CLUB.issue(CLUB_CARD, {"age_over_18": True}, namespace=AV)
OTHER_NAMESPACE = CLUB.issue(CLUB_CARD, {"age_over_18": True}, namespace=CLUB_CARD)


@pytest.fixture(scope="module")
def pool() -> Iterator[VerifierPool]:
    with VerifierPool(workers=1) as found:
        yield found


def relabelled(verified: VerifiedRequest, card: HeldDocument) -> bytes:
    """The answer of a wallet that says whatever it likes, with a proof that holds."""
    namespace = next(iter(card.issued.namespaces))
    honest = present(
        card.issued,
        doc_type=CLUB_CARD,
        disclose={namespace: ["age_over_18"]},
        transcript=verified.transcript(),
        device_signer=card.device,
    )
    signature = device_auth.sign(
        transcript=verified.transcript(), doc_type=AV, name_spaces=NO_DEVICE_ITEMS, device_signer=card.device
    )
    forged = replace(honest, doc_type=AV, device_signed=DeviceSigned(NO_DEVICE_ITEMS, signature))
    proof = DisposableProver().prove(
        document=DeviceResponse((forged,)).encode(),
        issuer_key=card.signer.signer.public_key,
        transcript=verified.transcript(),
        claims=[Claim(namespace, "age_over_18", cbor.encode(True))],
        timestamp=NOW,
        zk_system_id=circuit_for(1, now=NOW).zk_system_id,
    )
    return verifying.proven(verified, proof=proof, signer_chain=(card.signer.leaf,))


@pytest.mark.parametrize("card", [SAME_NAMESPACE, OTHER_NAMESPACE], ids=["doc_type", "doc_type_and_namespace"])
def test_a_club_card_passed_off_as_a_proof_of_age_is_refused(pool: VerifierPool, card: HeldDocument) -> None:
    weakened = Town(trust=UNPINNED, proofs=pool)
    asked = weakened.ask()
    weakened.post(asked, relabelled(weakened.fetch(asked), card))
    assert weakened.result(asked).state is State.ACCEPTED  # the attack works

    town = Town(trust=PINNED, proofs=pool)
    asked = town.ask()
    with pytest.raises(VerificationError, match=r"mdoc\.signer_pinned"):
        town.post(asked, relabelled(town.fetch(asked), card))
    assert town.result(asked).state is State.REFUSED


def test_the_leaf_of_the_right_signer_does_not_help_the_wrong_proof(pool: VerifierPool) -> None:
    town = Town(trust=PINNED, proofs=pool)
    asked = town.ask()
    verified = town.fetch(asked)
    card = replace(SAME_NAMESPACE, signer=replace(CLUB, leaf=AGE_SIGNER.leaf))
    with pytest.raises(VerificationError, match=r"zk\.proof"):
        town.post(asked, relabelled(verified, card))


def test_a_proof_relayed_to_another_session_is_refused(pool: VerifierPool) -> None:
    # A phisher's own verifier gets a true proof and shows it to the real one: the transcript names who it was for.
    town = Town(proofs=pool)
    phished, real = town.ask(), town.ask()
    verified = town.fetch(phished)
    honest = present(
        verifying.ADULT.issued,
        doc_type=AV,
        disclose={AV: ["age_over_18"]},
        transcript=verified.transcript(),
        device_signer=verifying.ADULT.device,
    )
    proof = DisposableProver().prove(
        document=DeviceResponse((honest,)).encode(),
        issuer_key=AGE_SIGNER.signer.public_key,
        transcript=verified.transcript(),
        claims=[Claim(AV, "age_over_18", cbor.encode(True))],
        timestamp=NOW,
        zk_system_id=circuit_for(1, now=NOW).zk_system_id,
    )
    with pytest.raises(VerificationError, match=r"zk\.proof"):
        town.post(real, verifying.proven(town.fetch(real), proof=proof))
    town.post(phished, verifying.proven(verified, proof=proof))
    assert town.result(phished).state is State.ACCEPTED
