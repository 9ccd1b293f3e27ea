"""Records `ceremony.json`: of five trustees one falls silent after its commit, and another deals wrongly.

Run `python -m tests.vectors.lookup_prf.record`. Every run records another: ceremony keys are fresh, sealing is random.
What it says is checked without our code in tests/crypto/lookup_prf/test_spec.py.
"""

import json
from dataclasses import replace
from pathlib import Path

from diptych.crypto import hpke
from diptych.crypto.lookup_prf import Message
from diptych.crypto.lookup_prf.messages import Answer, Commit, Reveal
from diptych.crypto.lookup_prf.participant import OBSERVER
from tests.crypto.lookup_prf.setting import RECIPIENTS, THRESHOLD, new_ceremony, run, shares_of

FILE = Path(__file__).with_name("ceremony.json")


def record() -> None:
    ceremony = new_ceremony()

    def tamper(message: Message) -> Message | None:
        if message.sender == 5 and not isinstance(message, Commit):
            return None
        if message.sender == 1 and isinstance(message, Reveal):
            info = b"diptych key ceremony deal 1\n" + ceremony.id + bytes([1, 2])
            wrong = hpke.seal(RECIPIENTS[2].public_key, bytes(31) + b"\1", info=info)
            return replace(message, deals=(message.deals[0], wrong, *message.deals[2:]))
        return message

    done = run(ceremony, tamper=tamper)
    outcome = done[OBSERVER].outcome
    assert outcome is not None
    assert any(isinstance(message, Answer) for message in done[OBSERVER].inbox.values())
    ordered = sorted(done[OBSERVER].inbox.values(), key=lambda message: (message.kind, message.sender))
    found = {
        "note": "recorded by record.py: 5 falls silent after its commit, 1 deals wrongly to 2 and answers for it",
        "purpose": ceremony.purpose,
        "threshold": THRESHOLD,
        "nonce": ceremony.nonce.hex(),
        "receiver_keys": {str(index): key.hex() for index, key in ceremony.receiver_keys.items()},
        "receiver_private_keys": {str(index): RECIPIENTS[index].seeds().reveal().hex() for index in ceremony.receivers},
        "ceremony": ceremony.id.hex(),
        "messages": [message.encode().hex() for message in ordered],
        "purpose_key": outcome.key.encode().hex(),
        "shares": {str(index): share.encode().reveal().hex() for index, share in shares_of(done).items()},
        "transcript": outcome.transcript.hex(),
        "faults": {str(index): fault for index, fault in outcome.faults.items()},
        "unconfirmed": {str(index): fault for index, fault in outcome.unconfirmed.items()},
    }
    FILE.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    record()
