"""What a trustee's OpenAPI description says of each endpoint (docs/spec/trustee-api.md). Data only."""

from diptych.protocols.ceremony.channel import MAX_CHANNEL_BYTES
from diptych.protocols.replacing.recovery import MAX_BYTES as MAX_RECOVERY_BYTES
from diptych.roles.trustee.service import MAX_BODY_BYTES
from diptych.web import described_holder as holder
from diptych.web.described import TEXT, Description, Schema, an_object, answer
from diptych.web.described_holder import Wire, errors

MEDIA_TYPE = "application/vnd.diptych.trustee+cbor"
MAX_SET_BYTES = 4 * 1024 * 1024

_WIRE = Wire(MEDIA_TYPE, MAX_BODY_BYTES)
_PLACE: Schema = {"type": ["integer", "null"], "description": "Null outside of any trustee set"}

TRUSTEE = Description(
    "Who this is. Nobody is to believe it: the trustee set says which keys are right",
    {
        200: answer(
            "Name, public keys and place",
            "application/json",
            an_object(
                ["name", "signer", "recipient", "epoch", "index"],
                name=TEXT,
                signer=TEXT,
                recipient=TEXT,
                epoch=_PLACE,
                index=_PLACE,
            ),
        ),
        **errors(),
    },
)
CHECKPOINT = holder.CHECKPOINT
OFFICERS = holder.officers(_WIRE)
REVOCATIONS = holder.revocations(_WIRE)
ATTESTATIONS = holder.attestations(_WIRE)
CEREMONIES = _WIRE.asks(
    "What was said in a key ceremony", "What this trustee has said in it", max_bytes=MAX_CHANNEL_BYTES
)
TRUSTEE_SETS = _WIRE.tells("A trustee set, and the act that published it", max_bytes=MAX_SET_BYTES)
PREKEYS = _WIRE.asks("A one-time key to deposit under", "The prekey")
DEPOSITS = _WIRE.asks("A mask to keep", "The acknowledgement")
CONFIRMATIONS = _WIRE.tells("A record's version is public")
LOOKUPS = _WIRE.asks("Blinded points to multiply", "The lookup answer")
OPENINGS = _WIRE.asks("A public request for this trustee's share", "The share answer")
DISCLOSURES = holder.disclosures(_WIRE)
ERASURES = _WIRE.asks("Delete a record's masks", "The deletion statement")
CHANGES = _WIRE.asks(
    "A change of the trustee set", "This trustee's key for it, once a person agreed", max_bytes=MAX_SET_BYTES
)
ENDED_CHANGES = _WIRE.tells("A change of the trustee set is over")
RECOVERY_PIECES = _WIRE.asks(
    "A helper's part in another trustee's shares", "Its pieces, sealed to the helpers", max_bytes=MAX_RECOVERY_BYTES
)
RECOVERY_SUMS = _WIRE.asks(
    "What all helpers cut", "The sums, sealed to whoever takes the shares", max_bytes=MAX_RECOVERY_BYTES
)
RECOVERY_SHARES = _WIRE.asks(
    "Sums that make this trustee's shares", "What became of each", max_bytes=MAX_RECOVERY_BYTES
)
HEALTH = holder.HEALTH
READY = holder.READY
