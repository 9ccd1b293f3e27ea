"""What was done about this wallet's holder: found in the public log, and held against what the issuer told.

The log is held to every checkpoint that this wallet accepted. Reads the log's files, which nobody is trusted for; what
a reader of shards reveals is said in docs/spec/labels.md. Taking documents with their receipts is left to `recorded`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import Enum

from diptych.errors import Refused, Unavailable, VerificationError
from diptych.formats.tlog.act import Act, verify_act
from diptych.formats.tlog.checkpoint import SignedCheckpoint
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.evidence import verify_evidence
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.label_tree import VerifiedLabelTree
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, parse_policy
from diptych.formats.tlog.proof import verify_receipt
from diptych.protocols.reading.files import Contradicted, LogFiles, check_goes_on, read_checkpoint
from diptych.protocols.reading.labels import Findings, FoundAct, find_acts
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Chain, HeldAct, Life
from diptych.roles.wallet.ports import WalletStore
from diptych.roles.wallet.told import Tell, told_acts

NO_TREE = "tlog.label_tree.none"
RECORDED_WITHIN = timedelta(days=1)  # an act of the last minutes of a day is public early on the next


class Shown(Enum):
    """What an act rests on."""

    PROVEN = "proven"
    """It stands in the log under our label, and commits to what the issuer told."""
    RECENT = "recent"
    """Its receipt holds, and the log goes on from there; the log's list of labels is older."""
    UNTOLD = "untold"
    """It stands in the log under our label; nobody has told this wallet more yet."""
    AWAITED = "awaited"
    """The issuer told it, and the log's list of labels is older than it."""
    MISSING = "missing"
    """The issuer told it, and the log's list of labels does not have it."""
    OTHERWISE = "otherwise"
    """It stands in the log under our label, and is not what the issuer told."""


@dataclass(frozen=True)
class ShownAct:
    """One act about the order behind a grant. `act` is None where nothing but its entry is known."""

    grant_id: str
    counter: int
    act_type: ActType
    day: date
    actor: ActorClass
    shown: Shown
    index: int | None
    act: Act | None = field(repr=False)


@dataclass(frozen=True)
class Acts:
    """Every act, the latest first; the log as it is now; and its list of labels, if there is one yet.

    With a list, that there was no other act about any of the orders until it was made is proven.
    """

    acts: tuple[ShownAct, ...]
    checkpoint: VerifiedCheckpoint
    tree: VerifiedLabelTree | None

    @property
    def holds(self) -> bool:
        """Nothing is missing, and nothing is otherwise than it was told."""
        return all(one.shown not in (Shown.MISSING, Shown.OTHERWISE) for one in self.acts)


def policy_of(contents: Contents) -> Policy:
    """Whose signatures this wallet believes of the log; `Refused` if it was not told of any."""
    policy = contents.trust().log
    if policy is None:
        raise Refused("wallet.no_log", "this wallet knows no public log: run `diptych wallet trust` with --log-policy")
    return parse_policy(policy)


def read_acts(store: WalletStore, files: LogFiles, *, whole: bool, tell: Tell) -> Acts:
    """What was done about the holder of this wallet, as the log shows it now.

    0. This wallet has no evidence against the log from before.
    1. The log goes on from every checkpoint that this wallet accepted: the last, and those of its receipts.
    2. For each chain: its acts in the log's list of labels, until one is proven absent; and each receipt is in there.
    3. What was told is what is found; of what nobody told yet, whoever recorded it is asked (`tell`). That, and the
       checkpoint of now, are kept for the next time.

    Raises `Contradicted`, with evidence, where the log contradicts itself; `VerificationError` or `FormatError` where
    its files do not hold; `Unavailable` where they cannot be read. With `whole`, all files are read instead of a few,
    so that whoever serves them learns nothing.
    """
    contents = Contents(store.read())
    policy = policy_of(contents)
    chains = contents.chains()
    held = {chain.grant_id: contents.acts(chain.grant_id) for chain in chains}
    # 0.
    evidence = contents.evidence()
    if evidence is not None:
        raise Contradicted(verify_evidence(evidence, policy=policy), evidence)
    # 1.
    now = read_checkpoint(files, policy=policy)
    for before in _accepted(contents, held, policy):
        check_goes_on(files, before=before, now=now, policy=policy)
    # 2. and 3.
    shown: list[ShownAct] = []
    tree: VerifiedLabelTree | None = None
    for chain in chains:
        found = _find(files, chain, held[chain.grant_id], policy=policy, last=now.signed, whole=whole)
        tree = tree if found is None else found.tree
        known = {act.counter for act in held[chain.grant_id]}
        told = () if found is None else told_acts(contents, chain, found.acts, tell, known=known)
        for act in told:  # an issuer forgets it after a year, and what was proven once is not asked for again
            contents.put_act(act)
        shown += _compared((*held[chain.grant_id], *told), found, chain.grant_id)
        now = now if found is None else found.checkpoint
    if contents.standing().life is Life.LIVE and not store.is_copied():
        contents.put_checkpoint(now.signed)
        contents.save(store)
    shown.sort(key=lambda one: (one.day, one.grant_id, one.counter), reverse=True)
    return Acts(tuple(shown), now, tree)


def _accepted(contents: Contents, held: Mapping[str, Sequence[HeldAct]], policy: Policy) -> Sequence[SignedCheckpoint]:
    """Every checkpoint of this log that was accepted, each once."""
    kept = contents.checkpoint()
    signed = [] if kept is None else [kept]
    signed += [act.receipt.checkpoint for acts in held.values() for act in acts if act.receipt is not None]
    of_this_log = [one for one in signed if policy.logs_of(one.checkpoint.origin)]
    return list({one.checkpoint: one for one in of_this_log}.values())


def _find(
    files: LogFiles, chain: Chain, held: Sequence[HeldAct], *, policy: Policy, last: SignedCheckpoint, whole: bool
) -> Findings | None:
    """What the log's list of labels has of a chain; None before the log has made its first."""
    receipts = [act.receipt for act in held if act.receipt is not None]
    try:
        return find_acts(
            files, start=ChainElement(chain.secret), policy=policy, last=last, receipts=receipts, whole=whole
        )
    except Unavailable as error:
        if error.check != NO_TREE:
            raise
        for receipt in receipts:
            verify_receipt(receipt, policy=policy)
        return None


def _compared(held: Sequence[HeldAct], found: Findings | None, grant_id: str) -> list[ShownAct]:
    told = {act.counter: act for act in held}
    in_log = () if found is None else found.acts
    shown = [_found_act(one, told.get(one.counter), grant_id) for one in in_log]
    there = {one.counter for one in shown}
    return shown + [_told_act(act, found) for act in held if act.counter not in there]


def _found_act(found: FoundAct, told: HeldAct | None, grant_id: str) -> ShownAct:
    entry = found.entry
    one = ShownAct(
        grant_id, found.counter, entry.act_type, entry.day, entry.actor, Shown.UNTOLD, found.receipt.index, None
    )
    if told is None:
        return one
    try:
        act = verify_act(told.committed, entry=entry).act
    except VerificationError:
        return replace(one, shown=Shown.OTHERWISE)
    return replace(one, shown=Shown.PROVEN, act=act)


def _told_act(told: HeldAct, found: Findings | None) -> ShownAct:
    act = told.committed.act
    shown, index = Shown.AWAITED, None
    if told.receipt is not None:  # the list is older than it: `find_acts` looks for it there otherwise
        shown, index = Shown.RECENT, told.receipt.index
    elif found is not None and found.tree.day > act.day + RECORDED_WITHIN:
        shown = Shown.MISSING
    return ShownAct(told.grant_id, told.counter, act.act_type, act.day, act.actor, shown, index, act)
