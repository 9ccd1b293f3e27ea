"""Makes `record.json`: a record, a deposit, an opening request and its answers, with every secret that opens them.

Run `python -m tests.vectors.record.make > tests/vectors/record/record.json`. HPKE and the keys draw anew each
time, so that each run is another vector. `tests/formats/test_record_spec.py` opens it with nothing of Diptych.
"""

import json
import os

from diptych.crypto.hpke import HybridRecipient, generate_recipient
from diptych.crypto.signing import encode_public_key
from diptych.formats.civil_status.inputs import lookup_inputs
from diptych.formats.civil_status.places import Places
from diptych.formats.padding import unpad
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.opening.answer import AGENCY_INDEX
from tests.registry_world import MARIE, OfferedPrekey, World, content_of


def key(recipient: object) -> dict[str, str]:
    assert isinstance(recipient, HybridRecipient)
    return {"public": recipient.public_key.hex(), "seeds": recipient.seeds().reveal().hex()}


def vector() -> dict[str, object]:
    world, reply = World(), generate_recipient()
    content = content_of(chain=Secret(os.urandom(32)), portrait=100)
    fresh = world.enrol(content)
    deposit, prekey = world.deposit(fresh, world.trustees[0], content.chain)
    assert isinstance(prekey, OfferedPrekey)
    request = world.request(fresh, reply=reply)
    logged = world.logged(request, ChainElement(content.chain).next().label)
    answers = {}
    for trustee in world.trustees[:3]:
        sent = world.presentation(fresh, request, logged, trustee)
        granted = world.decide(sent, trustee)
        answers[str(trustee.index)] = world.answer(granted, sent, trustee).encode().hex()
    answers[str(AGENCY_INDEX)] = world.agency_answer(granted, fresh.signed.unverified).encode().hex()
    return {
        "officer": encode_public_key(world.officer_signer.public_key).hex(),
        "record": fresh.signed.encode().hex(),
        "record_hash": fresh.signed.digest.hex(),
        "content": unpad(content.encode_padded()).hex(),
        "trustees": {
            str(trustee.index): {
                "signer": encode_public_key(trustee.signer.public_key).hex(),
                "recipient": key(trustee.recipient),
                "mask": fresh.masks[trustee.index].reveal().hex(),
            }
            for trustee in world.trustees
        },
        "agency": {
            "signer": encode_public_key(world.agency_signer.public_key).hex(),
            "recipient": key(world.agency_recipient),
        },
        "deposit": {"signed": deposit.encode().hex(), "prekey": key(prekey.recipient)},
        "opening": {"request": request.encode().hex(), "reply": key(reply), "answers": answers},
        "civil_status_inputs": [one.reveal().hex() for one in lookup_inputs(MARIE, places=Places())],
    }


if __name__ == "__main__":
    print(json.dumps(vector(), indent=1))
