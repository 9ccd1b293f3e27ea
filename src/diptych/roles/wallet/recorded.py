"""What an issuer says it recorded, judged before the documents are kept: issued in public, or not taken.

The wallet believes the log under its own policy, never the issuer. Looking into the log itself is left to `acts`.
"""

from datetime import date

from diptych.errors import VerificationError
from diptych.formats.tlog.act import batch_digest, verify_act
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.entry import ActorClass, ActType, Entry, parse_entry
from diptych.formats.tlog.evidence import Fork
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.policy import Policy, parse_policy
from diptych.formats.tlog.proof import verify_receipt
from diptych.protocols.openid4vci.credential import CredentialResponse
from diptych.protocols.openid4vci.recorded import RecordedBatch
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Chain, Grant, HeldAct
from diptych.roles.wallet.ports import WalletStore

BRINGING = (ActType.ISSUED, ActType.RENEWED)


def keep_recorded(
    contents: Contents, store: WalletStore, grant: Grant, type_id: str, response: CredentialResponse, *, day: date
) -> None:
    """Put chain, acts and the log's checkpoint among what is saved next, once all of it is true of these credentials.

    `day` is the one on which the credentials say they were signed. A wallet without a log policy asks for no receipt.

    1. There is a receipt, and it verifies under this wallet's policy.
    2. Its entry is of the act that goes with it: issued or renewed, by an issuer, on that day.
    3. That act commits to these very credentials: type, number, and the root over them.
    4. It stands under the label of its place in the chain, and the chain is the one that this order always had.
    5. What was told before of earlier acts is told again, to the byte.
    6. The log has not shown this wallet another tree of the same size. If it has, the evidence is saved at once.
    """
    policy = contents.trust().log
    if policy is None:
        return
    # 1.
    recorded = response.recorded
    if recorded is None:
        raise VerificationError(
            "wallet.receipt_missing",
            "these documents came without a receipt of the public log: they are not taken",
        )
    parsed = parse_policy(policy)
    receipt = verify_receipt(recorded.receipt, policy=parsed)
    # 2. and 3.
    entry = parse_entry(receipt.entry)
    _verify_own_act(recorded, entry, type_id, response.credentials, day)
    # 4.
    element = ChainElement(recorded.chain).at(recorded.acts[-1].counter)
    if element.label != entry.label:
        raise VerificationError("wallet.act_label", "the act stands under a label by which it would not be found")
    known = contents.chain(grant.id)
    if known is not None and known.secret != recorded.chain:
        raise VerificationError("wallet.act_chain", "the issuer names another chain of labels than before")
    # 5.
    _verify_unchanged(contents, grant, recorded)
    # 6.
    shown = receipt.inclusion.checkpoint.signed
    checkpoint = _newer(contents.checkpoint(), shown, parsed)
    if checkpoint is None:
        raise _forked(contents, store, shown)
    contents.put_chain(Chain(grant.id, recorded.chain))
    receipts = {act.counter: act.receipt for act in contents.acts(grant.id)}
    receipts[recorded.acts[-1].counter] = recorded.receipt
    for act in recorded.acts:
        contents.put_act(HeldAct(grant.id, act.counter, act.committed, receipts.get(act.counter)))
    contents.put_checkpoint(checkpoint)


def _verify_own_act(
    recorded: RecordedBatch, entry: Entry, type_id: str, credentials: tuple[bytes, ...], day: date
) -> None:
    # 2.
    act = verify_act(recorded.acts[-1].committed, entry=entry).act
    if act.act_type not in BRINGING or act.actor is not ActorClass.ISSUER:
        raise VerificationError("wallet.act_type", "the receipt is of an act that issues nothing")
    if act.day != day:
        raise VerificationError("wallet.act_day", "the receipt is of another day than the documents")
    # 3.
    details = act.details.reveal()
    if details["type"] != type_id or details["count"] != len(credentials):
        raise VerificationError("wallet.act_batch", "the receipt is of another type or number of documents")
    if details["credentials"] != batch_digest(credentials):
        raise VerificationError("wallet.act_batch", "the receipt is of other documents than these")


def _verify_unchanged(contents: Contents, grant: Grant, recorded: RecordedBatch) -> None:
    told = {act.counter: act.committed for act in recorded.acts}
    for held in contents.acts(grant.id):
        again = told.get(held.counter)
        if again is not None and (again.act.encode(), again.salt) != (held.committed.act.encode(), held.committed.salt):
            raise VerificationError("wallet.act_changed", "the issuer tells an earlier act otherwise than before")


def _newer(held: SignedCheckpoint | None, shown: SignedCheckpoint, policy: Policy) -> SignedCheckpoint | None:
    """The larger of the two checkpoints; None if there are two trees of one size."""
    if held is None or not policy.logs_of(held.checkpoint.origin):  # a policy of another log has come since
        return shown
    old, new = held.checkpoint, shown.checkpoint
    if old.origin == new.origin and old.size == new.size and old.root != new.root:
        return None
    return shown if new.size > old.size or old.origin != new.origin else held


def _forked(contents: Contents, store: WalletStore, shown: SignedCheckpoint) -> VerificationError:
    """Two trees of one size, both signed: kept, so that `wallet acts` can hand it to others."""
    held = contents.checkpoint()
    assert held is not None  # there are two
    kept = Contents(store.read())
    kept.put_evidence(Fork(held, shown, shown.checkpoint.root, ()))
    kept.save(store)
    return VerificationError(
        "wallet.log_forked", "the log shows this wallet two histories: `diptych wallet acts` has the evidence"
    )
