"""The wallet's own copy of a record: taken from the counter once, shown on its own screen, and its acts told in full.

After a loss, an opening with the citizen present gives the copy again. Finding the acts in the log is left to `acts`.
"""

from collections.abc import Callable

from diptych.crypto import sealing
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import as_array, as_bytes
from diptych.formats.record.content import RecordContent, parse_content
from diptych.formats.record.copy import RecordCopy, open_copy
from diptych.formats.tlog.act import CommittedAct, parse_act, verify_act
from diptych.formats.tlog.entry import Entry
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.reading.labels import FoundAct
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Chain, HeldAct, OwnRecord
from diptych.roles.wallet.ports import WalletStore

Tell = Callable[[str, bytes], bytes | None]
"""What the registry at a URL says of the act under a label, sealed for whoever has the chain; None for nothing."""

_ACT_CONTEXT = b"diptych act 1"


def take_record(store: WalletStore, copy: RecordCopy, *, code: Secret) -> OwnRecord:
    """Keep the copy. Taken again, it takes the place of the earlier one: a corrected record has the same chain.

    `VerificationError` "sealing.key" for a wrong code.
    """
    content = open_copy(copy, code=code)
    contents = Contents.of_live(store)
    record = OwnRecord(copy.record_id, copy.registry, content.encode_padded())
    known = contents.chain(record.chain_id)
    if known is not None and known.secret != content.chain:
        raise VerificationError(
            "record_copy.chain", "this copy names another label chain than the one kept for this record"
        )
    contents.put_own_record(record)
    contents.put_chain(Chain(record.chain_id, content.chain))
    contents.save(store)
    return record


def own_contents(store: WalletStore) -> tuple[tuple[OwnRecord, RecordContent], ...]:
    """Every copy with what is in it, for this screen alone."""
    return tuple((record, parse_content(record.content)) for record in Contents(store.read()).own_records())


def told_acts(contents: Contents, chain: Chain, found: tuple[FoundAct, ...], tell: Tell) -> tuple[HeldAct, ...]:
    """What the registry says of acts that were found on a record's chain, each held against its entry in the log.

    An answer that does not open, or is not what the entry commits to, is nobody's word and is left out.
    """
    record = next((one for one in contents.own_records() if one.chain_id == chain.grant_id), None)
    if record is None:
        return ()
    told: list[HeldAct] = []
    start = ChainElement(chain.secret)
    for act in found:
        element = start.at(act.counter)
        sealed = tell(record.registry, element.label)
        committed = None if sealed is None else _opened(sealed, element, act.entry)
        if committed is not None:
            told.append(HeldAct(chain.grant_id, act.counter, committed, None))
    return tuple(told)


def _opened(sealed: bytes, element: ChainElement, entry: Entry) -> CommittedAct | None:
    try:
        plaintext = sealing.open_sealed(element.sealing_key, sealed, context=_ACT_CONTEXT)
        act, salt = as_array(cbor.decode(plaintext), "act.kept", length=2)
        committed = CommittedAct(parse_act(as_bytes(act, "act.kept")), Secret(as_bytes(salt, "act.kept")))
        verify_act(committed, entry=entry)
    except (FormatError, VerificationError):
        return None
    return committed
