"""What one look into the store saw, and the changes that a use-case wants to make to it.

Every change remembers what it replaces, so that the store refuses it if another window was faster.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, Refused
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.evidence import Evidence, encode_evidence, parse_evidence
from diptych.private import Secret
from diptych.roles.wallet import proving_records, records
from diptych.roles.wallet.model import (
    Batch,
    Chain,
    Commitment,
    Copy,
    Document,
    EpochToken,
    Grant,
    HeldAct,
    HistoryEntry,
    Life,
    OwnRecord,
    Proving,
    Standing,
    Trust,
)
from diptych.roles.wallet.ports import Change, Key, Kind, WalletStore, copied

T = TypeVar("T")
_TRUST = Key(Kind.TRUST, Kind.TRUST.value)
_STANDING = Key(Kind.STANDING, Kind.STANDING.value)
_CHECKPOINT = Key(Kind.CHECKPOINT, Kind.CHECKPOINT.value)
_EVIDENCE = Key(Kind.EVIDENCE, Kind.EVIDENCE.value)
_HOLDER = Key(Kind.HOLDER, Kind.HOLDER.value)


class Contents:
    """The wallet's entries at one moment, and the changes collected since."""

    def __init__(self, entries: Mapping[Key, bytes]) -> None:
        self._before = dict(entries)
        self._after: dict[Key, bytes | None] = {}

    @classmethod
    def of_live(cls, store: WalletStore) -> "Contents":
        """What is in a wallet that may show and renew; asked before anything leaves, and not only when it is saved."""
        if store.is_copied():
            raise copied()
        contents = cls(store.read())
        contents.expect_live()
        return contents

    def trust(self) -> Trust:
        """Whom this wallet believes; `FormatError` in a wallet that was not set up to the end."""
        found = self._before.get(_TRUST)
        if found is None:
            raise FormatError(
                "wallet.trust_missing", "the wallet does not know whom to believe: run `diptych wallet trust`"
            )
        return records.parse_trust(found)

    def has_trust(self) -> bool:
        """Whether the wallet was set up to the end."""
        return _TRUST in self._before

    def standing(self) -> Standing:
        """Where this wallet stands in its life; without a word about it, it lives."""
        return self._get(_STANDING, records.parse_standing) or Standing()

    def expect_live(self) -> None:
        """`Refused` "wallet.moving" or "wallet.moved" for a wallet that may no longer show, renew or change anything.

        Two wallets with the same tokens would void each other; so the old one stops before the new one can exist.
        """
        standing = self.standing()
        if standing.life is Life.LIVE:
            return
        if standing.life is Life.MOVED:
            raise Refused(
                "wallet.moved", f"this wallet was moved on {standing.since:%Y-%m-%d}: use it on its new device"
            )
        undo = ", or undo it with --cancel" if standing.life is Life.LEAVING else ""
        raise Refused(
            "wallet.moving",
            f"moving this wallet was interrupted: finish it with `diptych wallet move --to FILE`{undo}",
        )

    def grants(self) -> tuple[Grant, ...]:
        return tuple(sorted(self._all(Kind.GRANT, records.parse_grant), key=lambda grant: grant.id))

    def grant(self, grant_id: str) -> Grant:
        found = self._get(Key(Kind.GRANT, grant_id), records.parse_grant)
        if found is None:
            raise FormatError("wallet.grant_missing", "a document's grant is not in this wallet")
        return found

    def grant_of_code(self, code_digest: bytes) -> Grant | None:
        """The grant of an offer that was seen before."""
        return next((grant for grant in self.grants() if grant.code_digest == code_digest), None)

    def batch(self, grant_id: str, configuration_id: str) -> Batch | None:
        return self._get(_batch_key(grant_id, configuration_id), records.parse_batch)

    def batches(self) -> tuple[Batch, ...]:
        return tuple(self._all(Kind.BATCH, records.parse_batch))

    def documents(self) -> tuple[Document, ...]:
        """Every document, the newest first."""
        found = self._all(Kind.DOCUMENT, records.parse_document)
        return tuple(sorted(found, key=lambda document: (document.received_at, document.id), reverse=True))

    def document(self, wanted: str) -> Document:
        """The document of that id, or the only one of that type; `Refused` if there is not exactly one."""
        found = [document for document in self.documents() if wanted in (document.id, document.configuration_id)]
        if not found:
            raise Refused("wallet.no_document", "there is no such document in this wallet: see `diptych wallet list`")
        if len(found) > 1:
            raise Refused("wallet.several_documents", "several documents are of this type: name one by its id")
        return found[0]

    def document_under(self, grant_id: str, configuration_id: str) -> Document | None:
        """The document that was fetched for this configuration of a grant."""
        for document in self.documents():
            if (document.grant_id, document.configuration_id) == (grant_id, configuration_id):
                return document
        return None

    def copies(self, document_id: str) -> tuple[Copy, ...]:
        """The copies of a document, in the order of their batch."""
        found = [copy for copy in self._all(Kind.COPY, records.parse_copy) if copy.document_id == document_id]
        return tuple(sorted(found, key=lambda copy: copy.position))

    def holder_secret(self) -> Secret | None:
        """The one secret behind every credential of the fast suite; None before the first."""
        return self._get(_HOLDER, proving_records.parse_holder)

    def commitment(self, grant_id: str) -> Commitment | None:
        return self._get(Key(Kind.COMMITMENT, grant_id), proving_records.parse_commitment)

    def proving(self, document_id: str) -> Proving | None:
        """The credential of the fast suite beside a document."""
        return self._get(Key(Kind.PROVING, document_id), proving_records.parse_proving)

    def tokens(self, document_id: str) -> tuple[EpochToken, ...]:
        """A document's tokens, the newest epoch first."""
        found = [one for one in self._all(Kind.STANDS, proving_records.parse_token) if one.document_id == document_id]
        return tuple(sorted(found, key=lambda one: one.epoch, reverse=True))

    def history(self) -> tuple[HistoryEntry, ...]:
        """Everything that was done, the latest first."""
        found = self._all(Kind.HISTORY, records.parse_history_entry)
        return tuple(sorted(found, key=lambda entry: (entry.at, entry.id), reverse=True))

    def chain(self, grant_id: str) -> Chain | None:
        """By what the acts about a grant's order are found; None if its issuer never said."""
        return self._get(Key(Kind.CHAIN, grant_id), records.parse_chain)

    def chains(self) -> tuple[Chain, ...]:
        return tuple(sorted(self._all(Kind.CHAIN, records.parse_chain), key=lambda chain: chain.grant_id))

    def acts(self, grant_id: str) -> tuple[HeldAct, ...]:
        """The acts about a grant's order that were told here, in their order."""
        found = [act for act in self._all(Kind.ACT, records.parse_act) if act.grant_id == grant_id]
        return tuple(sorted(found, key=lambda act: act.counter))

    def own_records(self) -> tuple[OwnRecord, ...]:
        """This person's copies of their records, by id."""
        found = self._all(Kind.RECORD, records.parse_own_record)
        return tuple(sorted(found, key=lambda record: record.record_id))

    def checkpoint(self) -> SignedCheckpoint | None:
        """The largest checkpoint of the log that this wallet accepted."""
        return self._get(_CHECKPOINT, parse_signed_checkpoint)

    def evidence(self) -> Evidence | None:
        """What convicts the log, if it ever contradicted itself before this wallet."""
        return self._get(_EVIDENCE, parse_evidence)

    def next_history_id(self, entropy: Entropy) -> str:
        """An id for the next line of the history, in the order in which things happened."""
        count = sum(key.kind is Kind.HISTORY for key in {*self._before, *self._after})
        return f"{count:08d}-{entropy(8).hex()}"

    def put_trust(self, trust: Trust) -> None:
        self._after[_TRUST] = records.encode_trust(trust)

    def put_standing(self, standing: Standing) -> None:
        self._after[_STANDING] = records.encode_standing(standing)

    def put_grant(self, grant: Grant) -> None:
        self._after[Key(Kind.GRANT, grant.id)] = records.encode_grant(grant)

    def remove_grant(self, grant: Grant) -> None:
        self._after[Key(Kind.GRANT, grant.id)] = None

    def put_batch(self, batch: Batch) -> None:
        self._after[_batch_key(batch.grant_id, batch.configuration_id)] = records.encode_batch(batch)

    def remove_batch(self, batch: Batch) -> None:
        self._after[_batch_key(batch.grant_id, batch.configuration_id)] = None

    def put_document(self, document: Document) -> None:
        self._after[Key(Kind.DOCUMENT, document.id)] = records.encode_document(document)

    def put_copy(self, copy: Copy) -> None:
        self._after[Key(Kind.COPY, copy.id)] = records.encode_copy(copy)

    def remove_copy(self, copy: Copy) -> None:
        self._after[Key(Kind.COPY, copy.id)] = None

    def put_chain(self, chain: Chain) -> None:
        self._after[Key(Kind.CHAIN, chain.grant_id)] = records.encode_chain(chain)

    def put_act(self, act: HeldAct) -> None:
        self._after[Key(Kind.ACT, f"{act.grant_id} {act.counter}")] = records.encode_act(act)

    def put_evidence(self, evidence: Evidence) -> None:
        self._after[_EVIDENCE] = encode_evidence(evidence)

    def put_own_record(self, record: OwnRecord) -> None:
        self._after[Key(Kind.RECORD, record.record_id.hex())] = records.encode_own_record(record)

    def put_checkpoint(self, signed: SignedCheckpoint) -> None:
        self._after[_CHECKPOINT] = signed.encode()

    def put_holder_secret(self, secret: Secret) -> None:
        self._after[_HOLDER] = proving_records.encode_holder(secret)

    def put_commitment(self, commitment: Commitment) -> None:
        self._after[Key(Kind.COMMITMENT, commitment.grant_id)] = proving_records.encode_commitment(commitment)

    def put_proving(self, proving: Proving) -> None:
        self._after[Key(Kind.PROVING, proving.document_id)] = proving_records.encode_proving(proving)

    def put_token(self, token: EpochToken) -> None:
        self._after[_token_key(token)] = proving_records.encode_token(token)

    def remove_token(self, token: EpochToken) -> None:
        self._after[_token_key(token)] = None

    def put_history_entry(self, entry: HistoryEntry) -> None:
        self._after[Key(Kind.HISTORY, entry.id)] = records.encode_history_entry(entry)

    def entries(self) -> dict[Key, bytes]:
        """Every entry as it will be."""
        return {key: entry for key, entry in {**self._before, **self._after}.items() if entry is not None}

    def save(self, store: WalletStore) -> None:
        """All collected changes in one write, which is a `Conflict` if the wallet was moved away meanwhile."""
        if _STANDING not in self._after:
            self.expect_live()
        store.save(self._changes())
        self._saved()

    def adopt(self, store: WalletStore) -> None:
        """All collected changes in one write, to what is a copy."""
        store.adopt(self._changes())
        self._saved()

    def _changes(self) -> list[Change]:
        standing = self._before.get(_STANDING)
        guarded = {_STANDING: standing, **self._after}
        return [Change(key, self._before.get(key), after) for key, after in guarded.items()]

    def _saved(self) -> None:
        for key, after in self._after.items():
            if after is None:
                self._before.pop(key, None)
            else:
                self._before[key] = after
        self._after = {}

    def _get(self, key: Key, parse: Callable[[bytes], T]) -> T | None:
        found = self._before.get(key)
        return None if found is None else parse(found)

    def _all(self, kind: Kind, parse: Callable[[bytes], T]) -> list[T]:
        return [parse(entry) for key, entry in self._before.items() if key.kind is kind]


def _token_key(token: EpochToken) -> Key:
    return Key(Kind.STANDS, f"{token.document_id} {token.epoch}")


def _batch_key(grant_id: str, configuration_id: str) -> Key:
    return Key(Kind.BATCH, f"{grant_id} {configuration_id}")
