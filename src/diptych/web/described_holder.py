"""What the descriptions of registry and trustee have in common: one kind of message, and what every holder is told.

Each message is CBOR that is authenticated by itself; to a description it is bytes (docs/spec/trustee-api.md).
"""

from dataclasses import dataclass

from diptych.protocols.witnessing.add_checkpoint import TEXT_MEDIA_TYPE
from diptych.web.described import ERROR, TEXT, Description, Responses, Schema, an_object, answer

BYTES: Schema = {"type": "string", "format": "binary"}


def errors(*statuses: int) -> Responses:
    """The answers of these statuses, and 503."""
    named = {
        400: "Nonsense, or well formed and untrue; `error` names the check",
        403: "True, and not allowed; `error` names the check",
        409: "The right message at the wrong moment; `error` names the check",
        413: "The body is too long",
        415: "Another media type is expected",
        503: "Nothing is wrong with the request: try again later, with the same bytes",
    }
    return {status: answer(named[status], "application/json", ERROR) for status in (*statuses, 503)}


_OF_A_MESSAGE = errors(400, 403, 409, 413, 415)
_ALIVE = answer("It is", "application/json", an_object(["status"], status={"const": "ok"}))


@dataclass(frozen=True)
class Wire:
    """How one role is spoken to: its media type, and the longest body where an endpoint does not say another."""

    media_type: str
    max_bytes: int

    def asks(self, summary: str, answered: str, *, max_bytes: int | None = None) -> Description:
        """A message with an answer."""
        responses = {200: self.said(answered), **_OF_A_MESSAGE}
        return Description(summary, responses, request=self._body(max_bytes or self.max_bytes))

    def tells(self, summary: str, *, max_bytes: int | None = None) -> Description:
        """A message on which there is nothing to say."""
        responses: Responses = {204: {"description": "Done, now or before"}, **_OF_A_MESSAGE}
        return Description(summary, responses, status=204, request=self._body(max_bytes or self.max_bytes))

    def said(self, description: str) -> Schema:
        """An answer in this role's media type."""
        return answer(description, self.media_type, BYTES)

    def _body(self, max_bytes: int) -> Schema:
        return {
            "requestBody": {
                "required": True,
                "content": {self.media_type: {"schema": {**BYTES, "maxLength": max_bytes}}},
            }
        }


CHECKPOINT = Description(
    "The last checkpoint of the log that was accepted here",
    {
        200: answer("The checkpoint, as a note", TEXT_MEDIA_TYPE, TEXT),
        404: {"description": "None was accepted yet"},
        **errors(),
    },
)
HEALTH = Description("Whether it is alive", {200: _ALIVE, **errors()})
READY = Description("Whether it can work now", {200: _ALIVE, **errors()})


def officers(wire: Wire) -> Description:
    """The description of `POST /officers`."""
    return wire.tells("An officer's certificate, and the act that published it")


def revocations(wire: Wire) -> Description:
    """The description of `POST /revocations`."""
    return wire.tells("The end of an officer's key")


def attestations(wire: Wire) -> Description:
    """The description of `POST /attestations`."""
    return wire.tells("An audit attestation, and the act that published it")


def disclosures(wire: Wire) -> Description:
    """The description of `POST /disclosures`."""
    return wire.tells("A deferred opening was disclosed")
