"""How a wallet comes back: from a backup, from its old device, or from a copy of its file that was put back.

A copy does not know what was done after it was made. So its single-use copies count as spent, keys that may have been
sent are not sent again, and its tokens are believed only once the issuer took one. What moved is no such copy: the
wallet that it was made of had stopped.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.errors import Conflict
from diptych.roles.wallet.backup import Backup
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.leaving import life_entry
from diptych.roles.wallet.model import Event
from diptych.roles.wallet.ports import Key, WalletStore


@dataclass(frozen=True)
class Returning:
    """The use-case that takes on a file that was copied or put back."""

    store: WalletStore
    entropy: Entropy

    def adopt(self, *, is_newest: bool, now: datetime) -> None:
        """Go on with this copy. `is_newest`: the person says that nothing was done elsewhere since it was made.

        `Conflict` "wallet.not_copied" for a file that is none.
        """
        if not self.store.is_copied():
            raise Conflict("wallet.not_copied", "this wallet's file is where it was last used: there is nothing to do")
        contents = Contents(self.store.read())
        if not is_newest:
            distrust_copies(contents)
        contents.put_history_entry(life_entry(contents, Event.RESTORED, now=now, entropy=self.entropy))
        contents.adopt(self.store)


def restored(backup: Backup, *, now: datetime, entropy: Entropy) -> dict[Key, bytes]:
    """The entries of the new wallet that a backup becomes."""
    contents = Contents(backup.entries)
    if not backup.is_move:
        distrust_copies(contents)
    contents.put_history_entry(life_entry(contents, Event.RESTORED, now=now, entropy=entropy))
    return contents.entries()


def distrust_copies(contents: Contents) -> None:
    """Nothing that may have been done after this copy was made is done a second time."""
    for document in contents.documents():
        for copy in contents.copies(document.id):
            # Proofs can still be made from it: which copy they were made from cannot be told.
            contents.put_copy(replace(copy, is_spent=True))
    for batch in contents.batches():
        # Whoever sees its keys in two copies of a document would know that they are of one person.
        contents.remove_batch(batch)
    grants = tuple(grant.id for grant in contents.grants())
    contents.put_standing(replace(contents.standing(), unproven_grants=grants))
