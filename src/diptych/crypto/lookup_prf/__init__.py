"""The lookup PRF: threshold BLS on BLS12-381 as an oblivious PRF, one key for each purpose (docs/spec/lookup-prf.md).

`blind`, `evaluate`, `finish` and `tag` are one look-up in the order it happens. Keys are made, and shared anew, by a
`Ceremony` among `Participant`s.
"""

from diptych.crypto.lookup_prf.ceremony import Ceremony, CeremonyFailed, Outcome, generation, resharing
from diptych.crypto.lookup_prf.evaluation import (
    MAX_INPUTS,
    BlindedRequest,
    Evaluated,
    TooFewAnswers,
    blind,
    evaluate,
    finish,
)
from diptych.crypto.lookup_prf.keys import KeyShare, PurposeKey, parse_key_share, parse_purpose_key
from diptych.crypto.lookup_prf.messages import Message, parse_message
from diptych.crypto.lookup_prf.participant import Participant, Round, advance, join, missing, observe, receive
from diptych.crypto.lookup_prf.tags import DERIVED_BYTES, PEPPER_BYTES, TAG_BYTES, tag

__all__ = [
    "DERIVED_BYTES",
    "MAX_INPUTS",
    "PEPPER_BYTES",
    "TAG_BYTES",
    "BlindedRequest",
    "Ceremony",
    "CeremonyFailed",
    "Evaluated",
    "KeyShare",
    "Message",
    "Outcome",
    "Participant",
    "PurposeKey",
    "Round",
    "TooFewAnswers",
    "advance",
    "blind",
    "evaluate",
    "finish",
    "generation",
    "join",
    "missing",
    "observe",
    "parse_key_share",
    "parse_message",
    "parse_purpose_key",
    "receive",
    "resharing",
    "tag",
]
