"""What goes with credentials whose issuing stands in the public log: a member that other wallets ignore.

`c_0`, what was done about the order so far with the salts, and the receipt of the act that issued these credentials
(docs/spec/issuer-api.md, "Receipts"). Nothing of it is verified here.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from diptych.errors import FormatError
from diptych.formats import base64url, strict_json
from diptych.formats.strict_json import Json
from diptych.formats.tlog.act import CommittedAct, parse_act
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import LogProof, parse_proof
from diptych.private import Secret

MEMBER = "org.diptych.recorded"
"""OpenID4VCI 1.0, 8.3: other members may be defined, and wallets ignore those that they do not know."""

MAX_ACTS = 4096


@dataclass(frozen=True)
class KeptAct:
    """An act with its salt, and its place in the chain of labels."""

    counter: int
    committed: CommittedAct


@dataclass(frozen=True)
class RecordedBatch:
    """What an issuer sends beside credentials. The last of `acts` is the one that issued them. Unverified."""

    chain: Secret = field(repr=False)
    acts: tuple[KeptAct, ...]
    receipt: LogProof

    def encode(self) -> Json:
        """The exact inverse of `parse_recorded`."""
        acts: list[Json] = [
            {
                "counter": one.counter,
                "act": base64url.encode(one.committed.act.encode()),
                "salt": base64url.encode(one.committed.salt.reveal()),
            }
            for one in self.acts
        ]
        return {
            "chain": base64url.encode(self.chain.reveal()),
            "acts": acts,
            "receipt": base64url.encode(self.receipt.encode()),
        }


def parse_recorded(value: Json) -> RecordedBatch:
    """The member's value, or `FormatError`. Members that are not known are ignored."""
    if not isinstance(value, dict):
        raise FormatError("recorded", f"'{MEMBER}' must be an object")
    chain = Secret(base64url.decode(strict_json.text(value, "chain")))
    ChainElement(chain)  # is it one at all?
    acts = value.get("acts")
    if not isinstance(acts, list) or not 0 < len(acts) <= MAX_ACTS:
        raise FormatError("recorded.acts", f"'acts' must be an array of 1 to {MAX_ACTS}")
    found = tuple(_parse_act(item) for item in acts)
    if any(later.counter <= earlier.counter for earlier, later in pairwise(found)):
        raise FormatError("recorded.acts", "'acts' stand in the order of their counters")
    return RecordedBatch(chain, found, parse_proof(base64url.decode(strict_json.text(value, "receipt"))))


def _parse_act(item: Json) -> KeptAct:
    if not isinstance(item, dict):
        raise FormatError("recorded.acts", "each of 'acts' must be an object")
    counter = strict_json.integer(item, "counter")
    act = parse_act(base64url.decode(strict_json.text(item, "act")))
    salt = Secret(base64url.decode(strict_json.text(item, "salt")))
    ChainElement(Secret(bytes(32)), counter)  # is it a counter at all?
    return KeptAct(counter, CommittedAct(act, salt))
