"""The wallet's own copy of a record: taken from the counter once, and shown on its own screen.

After a loss, an opening with the citizen present gives the copy again. What was done with it is left to `acts`.
"""

from diptych.errors import VerificationError
from diptych.formats.record.content import RecordContent, parse_content
from diptych.formats.record.copy import RecordCopy, open_copy
from diptych.private import Secret
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Chain, OwnRecord
from diptych.roles.wallet.ports import WalletStore


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
