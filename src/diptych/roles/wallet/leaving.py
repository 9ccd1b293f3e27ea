"""How a wallet goes into a file: as a backup, while it lives on, or for good, to another device.

A move never leaves two wallets that live, nor none. In brackets what is on disk before the next step:

    [LEAVING: nothing is shown or renewed here any more] -> [the file, without its name] -> it is opened once
    -> [RETIRED: no way back] -> [the file has its name] -> [MOVED]

Whatever ends it between two steps, the same command goes on; and before RETIRED it can be undone. What the file may
do in its new place is left to `returning`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, DiptychError, VerificationError
from diptych.private import Personal, Secret
from diptych.roles.wallet.backup import Backup, open_backup, parse_backup, seal_backup
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Event, HistoryEntry, Life, Outcome, Standing
from diptych.roles.wallet.ports import BackupPlace, Key, Kind, WalletStore, copied
from diptych.roles.wallet.records import encode_standing, whole_seconds


@dataclass(frozen=True)
class Written:
    """A backup that was written and read back: its moment, its size, and how many documents it has."""

    made_at: datetime
    size: int
    documents: int


@dataclass(frozen=True)
class Leaving:
    """The use-cases that write a wallet into a file, as hard to guess as `hardness` says."""

    store: WalletStore
    entropy: Entropy
    hardness: Hardness

    def back_up(self, place: BackupPlace, passphrase: Secret, *, now: datetime) -> Written:
        """A file to come back from. It grows old: the wallet's next renewal replaces the tokens that are in it."""
        with self.store.acting():
            contents = Contents.of_live(self.store)
            written = self._keep(contents, place, passphrase, is_move=False, now=now)
            place.publish()
            contents.put_standing(replace(contents.standing(), backed_up_at=whole_seconds(now)))
            contents.put_history_entry(self._entry(contents, Event.BACKED_UP, now))
            contents.save(self.store)
            return written

    def move(self, place: BackupPlace, passphrase: Secret, *, now: datetime, again: bool = False) -> Written:
        """A file to go on from elsewhere; from the first write on, this wallet shows and renews nothing.

        `Conflict` "wallet.moved" for a wallet that is moved already, unless `again`: the file was lost unrestored.
        """
        with self.store.acting():
            if self.store.is_copied():
                raise copied()
            contents = Contents(self.store.read())
            before = contents.standing()
            if before.life is Life.MOVED and not again:
                raise Conflict(
                    "wallet.moved",
                    f"this wallet was moved on {before.since:%Y-%m-%d}; only if that file was lost before it was"
                    " restored anywhere, --again writes another",
                )
            if before.life is Life.RETIRED and (written := self._published(contents, place, passphrase)):
                self._stand(contents, Life.MOVED, now)
                return written
            if before.life is Life.LIVE:
                self._stand(contents, Life.LEAVING, now)
            try:
                written = self._keep(contents, place, passphrase, is_move=True, now=now)
            except DiptychError:
                if before.life is Life.LIVE:
                    self._stay(contents, place)
                raise
            contents.put_history_entry(self._entry(contents, Event.MOVED, now))
            self._stand(contents, Life.RETIRED, now)
            place.publish()
            self._stand(contents, Life.MOVED, now)
            return written

    def cancel(self, place: BackupPlace) -> None:
        """Undo a move whose file nobody can have. `Conflict` "wallet.not_moving" before it began or after that."""
        with self.store.acting():
            contents = Contents(self.store.read())
            if contents.standing().life is not Life.LEAVING:
                raise Conflict("wallet.not_moving", "there is no move that can be undone here")
            self._stay(contents, place)

    def _keep(
        self, contents: Contents, place: BackupPlace, passphrase: Secret, *, is_move: bool, now: datetime
    ) -> Written:
        """The file without its name, once it was read back and opened: what nobody has opened is no backup."""
        backup = Backup(whole_seconds(now), is_move, _entries(contents))
        place.keep(seal_backup(backup, passphrase, hardness=self.hardness, entropy=self.entropy))
        kept = place.kept()
        if open_backup(parse_backup(kept), passphrase, least=self.hardness) != backup:
            raise VerificationError("backup.unreadable", "what was written does not read back: write it elsewhere")
        return Written(backup.made_at, len(kept), len(contents.documents()))

    def _published(self, contents: Contents, place: BackupPlace, passphrase: Secret) -> Written | None:
        """The file of a move that was interrupted after it had its name."""
        found = place.published()
        if found is None:
            return None
        backup = open_backup(parse_backup(found), passphrase, least=self.hardness)
        if not backup.is_move or _grants(backup.entries) != _grants(contents.entries()):
            return None
        return Written(backup.made_at, len(found), len(contents.documents()))

    def _stand(self, contents: Contents, life: Life, now: datetime) -> None:
        contents.put_standing(replace(contents.standing(), life=life, since=whole_seconds(now)))
        contents.save(self.store)

    def _stay(self, contents: Contents, place: BackupPlace) -> None:
        """The file goes first: there is never one beside a wallet that lives."""
        place.discard()
        contents.put_standing(replace(contents.standing(), life=Life.LIVE, since=None))
        contents.save(self.store)

    def _entry(self, contents: Contents, event: Event, now: datetime) -> HistoryEntry:
        return life_entry(contents, event, now=now, entropy=self.entropy)


def life_entry(contents: Contents, event: Event, *, now: datetime, entropy: Entropy) -> HistoryEntry:
    """A line of the history about the wallet itself."""
    return HistoryEntry(
        id=contents.next_history_id(entropy),
        at=whole_seconds(now),
        event=event,
        outcome=Outcome.DONE,
        who=Personal(""),
        purpose=Personal(""),
        documents=Personal(()),
    )


def _grants(entries: Mapping[Key, bytes]) -> dict[Key, bytes]:
    """What no two wallets have in common: keys and tokens."""
    return {key: entry for key, entry in entries.items() if key.kind is Kind.GRANT}


def _entries(contents: Contents) -> dict[Key, bytes]:
    """Everything that is here; of its standing only which tokens may be old."""
    entries = {key: entry for key, entry in contents.entries().items() if key.kind is not Kind.STANDING}
    unproven = contents.standing().unproven_grants
    if unproven:
        entries[Key(Kind.STANDING, Kind.STANDING.value)] = encode_standing(Standing(unproven_grants=unproven))
    return entries
