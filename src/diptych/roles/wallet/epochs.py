"""Tokens that say "not revoked", fetched ahead of need: whole buckets, so that the issuer sees a crowd asking.

Fetched when the person renews or asks for it, never while a verifier waits. An epoch's key is believed once the public
log shows that it is everybody's. Which token goes into an answer is left to `fast_answering`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from diptych.crypto.fast_suite.tokens import verify_token
from diptych.errors import Refused, Unavailable, VerificationError
from diptych.formats.bbs_credential.epoch import (
    LIST_PATH,
    Epoch,
    ListedEpoch,
    accepted,
    bucket_of,
    bucket_path,
    digests_path,
    entry_tag,
    find_tokens,
    verify_bucket,
    verify_list,
)
from diptych.formats.bbs_credential.question import REVOCATION_ID
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.formats.tlog.policy import parse_policy
from diptych.private import Secret
from diptych.protocols.reading.epochs import EpochsInLog
from diptych.protocols.reading.files import LogFiles
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.issuance import OK
from diptych.roles.wallet.model import Document, EpochToken
from diptych.roles.wallet.ports import IssuerLine, WalletStore
from diptych.roles.wallet.proving import fast_suite_trust, open_held


@dataclass(frozen=True)
class Fetched:
    """What a look at the issuer's epochs brought: documents that stand, and those that do not (any more)."""

    standing: tuple[Document, ...]
    missing: tuple[Document, ...]
    epoch: str | None


def fetch_tokens(store: WalletStore, line: IssuerLine, *, now: datetime, files: LogFiles | None = None) -> Fetched:
    """Every document's token of the newest epoch, and no older ones than are accepted.

    `files` are those of the log that this wallet was told of; one that was told of none asks for no receipt. Raises
    what `EpochsInLog.check` does where a key is not everybody's, and `Unavailable` if the issuer or the log does not
    answer: what was here stays.
    """
    contents = Contents.of_live(store)
    trust = fast_suite_trust(contents)
    documents = [one for one in contents.documents() if contents.proving(one.id) is not None]
    if trust is None or not documents:
        return Fetched((), (), None)
    listed = _epochs(line, trust, now)
    _check_logged(contents, listed, files)
    epochs = accepted([one.epoch for one in listed], now=now)
    if not epochs:
        return Fetched((), (), None)
    newest = epochs[0]
    standing: list[Document] = []
    missing: list[Document] = []

    @cache
    def bucket(number: int) -> bytes:
        return _bucket(line, trust, newest, number)

    for document in documents:
        held = {token.epoch for token in contents.tokens(document.id)}
        try:
            found = newest.name in held or _fetch(contents, document, trust, newest, bucket)
        except Refused:
            continue  # its issuer's key is no longer believed: no token would help
        if not found:
            wanted = _revocation_id(contents, document, trust)
            _check_bucket(line, trust, newest, revocation_id=wanted, bucket=bucket)
        (standing if found else missing).append(document)
        # What is not accepted any more, or was ended early, says nothing to anybody.
        for token in contents.tokens(document.id):
            if token.epoch not in {epoch.name for epoch in epochs}:
                contents.remove_token(token)
    contents.save(store)
    return Fetched(tuple(standing), tuple(missing), newest.name)


def _epochs(line: IssuerLine, trust: FastSuiteTrust, now: datetime) -> tuple[ListedEpoch, ...]:
    answer = line.fetch(trust.url + LIST_PATH)
    if answer.status != OK:
        raise Unavailable("epoch.unknown", "the issuer does not say which epochs there are: try again later")
    return verify_list(answer.body, signer=trust.epoch_signer, expected_issuer=trust.url, now=now)


def _check_logged(contents: Contents, listed: tuple[ListedEpoch, ...], files: LogFiles | None) -> None:
    """A key of one person's own would tell that person apart: none is used that the log does not show to everybody."""
    policy = contents.trust().log
    if policy is None:
        return
    if files is None:
        raise Unavailable("epoch.no_files", "the public log's files are needed to believe an epoch's key")
    parsed, kept = parse_policy(policy), contents.checkpoint()
    if kept is not None and not parsed.logs_of(kept.checkpoint.origin):
        kept = None  # of a log that this wallet followed before
    log = EpochsInLog(files, parsed, kept)
    log.check(listed)
    if log.checkpoint is not None:
        contents.put_checkpoint(log.checkpoint)


def _check_bucket(
    line: IssuerLine, trust: FastSuiteTrust, epoch: Epoch, *, revocation_id: int, bucket: Callable[[int], bytes]
) -> None:
    """Not in its bucket: is that the bucket that everybody is given? Otherwise a lie would pass for a revocation."""
    number = bucket_of(revocation_id, epoch.bits)
    answer = line.fetch_file(trust.url + digests_path(epoch.name))
    if answer.status != OK:
        raise Unavailable("epoch.digests", "the issuer does not give its epoch's digests: try again later")
    verify_bucket(bucket(number), number, digests=answer.body, epoch=epoch)


def _fetch(
    contents: Contents, document: Document, trust: FastSuiteTrust, epoch: Epoch, bucket: Callable[[int], bytes]
) -> bool:
    """Whether the document stands in the epoch; its token, verified, among what is saved next."""
    revocation_id = _revocation_id(contents, document, trust)
    tag = entry_tag(revocation_id, epoch.name)
    for token in find_tokens(bucket(bucket_of(revocation_id, epoch.bits)), tag):
        try:
            verify_token(epoch.key, revocation_id, token)
        except VerificationError:
            continue  # somebody else's, under a tag that happens to be the same
        contents.put_token(EpochToken(document.id, epoch.name, epoch.key, Secret(token), epoch.ends))
        return True
    return False


def _revocation_id(contents: Contents, document: Document, trust: FastSuiteTrust) -> int:
    held = open_held(contents, document, trust)
    return held.credential.scalars[held.credential.layout.index(REVOCATION_ID)]


def _bucket(line: IssuerLine, trust: FastSuiteTrust, epoch: Epoch, number: int) -> bytes:
    answer = line.fetch_file(trust.url + bucket_path(epoch.name, number))
    if answer.status != OK:
        raise Unavailable("epoch.bucket", "the issuer does not give a bucket of its epoch: try again later")
    return answer.body
