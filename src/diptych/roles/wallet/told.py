"""What others say of an act that the log shows: asked for one by one, opened with the chain, held against the entry.

The registry of acts on a record, the issuer of what an officer said about an order. An answer that does not open, or is
not what the entry commits to, is nobody's word and is left out. Finding acts in the log is left to `acts`.
"""

from collections.abc import Collection
from typing import Protocol

from diptych.crypto import sealing
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import as_array, as_bytes
from diptych.formats.tlog.act import CommittedAct, parse_act, verify_act
from diptych.formats.tlog.entry import ActorClass, Entry
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.reading.labels import FoundAct
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Chain, HeldAct

_ACT_CONTEXT = b"diptych act 1"


class Tell(Protocol):
    """Who can be asked. None where there is no answer, or nobody is reached: that an act was, the log alone shows."""

    def of_record(self, registry: str, label: bytes) -> bytes | None:
        """What the registry at this URL says of the act under a label, sealed for whoever has the chain."""
        ...

    def of_order(self, issuer: str, asking: Secret) -> bytes | None:
        """What the issuer at this URL says to whoever has the act's chain element, sealed under its key."""
        ...


class Untold:
    """`Tell` of nobody."""

    def of_record(self, registry: str, label: bytes) -> bytes | None:
        return None

    def of_order(self, issuer: str, asking: Secret) -> bytes | None:
        return None


def told_acts(
    contents: Contents, chain: Chain, found: Collection[FoundAct], tell: Tell, *, known: Collection[int]
) -> tuple[HeldAct, ...]:
    """What can be told of acts that were found on a chain and are not `known` by their counter yet."""
    told: list[HeldAct] = []
    for act in found:
        if act.counter in known:
            continue
        element = ChainElement(chain.secret).at(act.counter)
        sealed = _sealed(contents, chain, act, element, tell)
        committed = None if sealed is None else _opened(sealed, element, act.entry)
        if committed is not None:
            told.append(HeldAct(chain.grant_id, act.counter, committed, None))
    return tuple(told)


def _sealed(contents: Contents, chain: Chain, act: FoundAct, element: ChainElement, tell: Tell) -> bytes | None:
    record = next((one for one in contents.own_records() if one.chain_id == chain.grant_id), None)
    if record is not None:
        return tell.of_record(record.registry, element.label)
    grant = next((one for one in contents.grants() if one.id == chain.grant_id), None)
    if grant is None or act.entry.actor is not ActorClass.ISSUER:
        return None
    return tell.of_order(grant.issuer, element.asking)


def _opened(sealed: bytes, element: ChainElement, entry: Entry) -> CommittedAct | None:
    try:
        plaintext = sealing.open_sealed(element.sealing_key, sealed, context=_ACT_CONTEXT)
        act, salt = as_array(cbor.decode(plaintext), "act.kept", length=2)
        committed = CommittedAct(parse_act(as_bytes(act, "act.kept")), Secret(as_bytes(salt, "act.kept")))
        verify_act(committed, entry=entry)
    except (FormatError, VerificationError):
        return None
    return committed
