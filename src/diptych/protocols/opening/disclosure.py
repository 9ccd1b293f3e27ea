"""Disclosures: the public act that tells a citizen of an opening that a court had deferred, shown to who answered it.

Unsigned: the log speaks. What a holder makes of one is `decision` (docs/spec/opening.md, "Deferred disclosure").
"""

from dataclasses import dataclass

from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cose.statement import as_fingerprint, as_members
from diptych.formats.tlog.shown_act import ShownAct, shown_act_from_cbor

_CHECK = "disclosure"


@dataclass(frozen=True)
class Disclosure:
    """Which request, by its digest, and the act that discloses it. Unverified."""

    request: bytes
    shown: ShownAct

    def encode(self) -> bytes:
        """The exact inverse of `parse_disclosure`."""
        return cbor.encode({"request": self.request, "shown": self.shown.to_cbor()})


def parse_disclosure(data: bytes) -> Disclosure:
    """The disclosure in `data`, or `FormatError`."""
    request, shown = as_members(cbor.decode(data), _CHECK, ("request", "shown"))
    found = Disclosure(as_fingerprint(request, _CHECK), shown_act_from_cbor(shown))
    if found.encode() != data:
        raise FormatError("disclosure.canonical", "not the one encoding of this disclosure")
    return found
