"""The wallet: everything a page or a command can ask of it. Prints nothing, asks nobody.

`review`, then `prepare` and `send` (or `answer`, or `decline`) are the steps of one presentation; the rest is one
call each. The clock is an argument, the outside world is in the ports.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, DiptychError, Unavailable
from diptych.formats.bbs_credential.trust import parse_trust as parse_fast_suite_trust
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.trust import check_succeeds
from diptych.formats.mdoc.trust import parse_trust as parse_issuer_trust
from diptych.formats.record.content import RecordContent
from diptych.formats.record.copy import RecordCopy
from diptych.formats.tlog.policy import Policy, parse_policy
from diptych.private import Secret
from diptych.protocols.openid4vci.offer import parse_offer
from diptych.protocols.openid4vp.registration import parse_trust as parse_verifier_trust
from diptych.protocols.reading.files import LogFiles
from diptych.roles.wallet.acts import Acts, policy_of, read_acts
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.epochs import Fetched, fetch_tokens
from diptych.roles.wallet.leaving import Leaving, Written
from diptych.roles.wallet.model import (
    Attribute,
    Document,
    Grant,
    HistoryEntry,
    Holding,
    Life,
    OwnRecord,
    Standing,
    Trust,
)
from diptych.roles.wallet.own_record import own_contents, take_record
from diptych.roles.wallet.planning import Plan
from diptych.roles.wallet.ports import BackupPlace, IssuerLine, Prover, VerifierLine, WalletStore
from diptych.roles.wallet.presenting import Consent, Prepared, Presenting, Sent
from diptych.roles.wallet.receiving import NOT_RENEWABLE, OfferPreview, Received, Receiving, is_due
from diptych.roles.wallet.returning import Returning
from diptych.roles.wallet.signers import lost_signers, lost_since
from diptych.roles.wallet.statuses import DocumentStatus, StatusSource, document_statuses
from diptych.roles.wallet.told import Tell, Untold


@dataclass(frozen=True)
class RenewalFailure:
    """A document that was due and could not be renewed now."""

    document: Document
    check: str
    message: str


@dataclass(frozen=True)
class Renewed:
    """What a round of renewals did."""

    documents: tuple[Document, ...]
    failures: tuple[RenewalFailure, ...]


@dataclass(frozen=True)
class Wallet:
    """One person's wallet over its store and its lines to the world."""

    store: WalletStore
    issuer_line: IssuerLine
    verifier_line: VerifierLine
    prover: Prover
    entropy: Entropy
    status_source: StatusSource | None = None
    """Without one, how documents stand is not known."""

    def set_trust(self, issuers: bytes, verifiers: bytes, log: bytes | None = None) -> None:
        """Whom to believe from now on: the contents of `trust.json`, `verifier-trust.json` and the log's policy.

        Without a new policy the one that is there stays. `Refused` "trust.lost_again" for a file that believes a
        signer whose loss this wallet knows of.
        """
        found = parse_issuer_trust(issuers)
        parse_fast_suite_trust(issuers)
        parse_verifier_trust(verifiers)
        contents = Contents(self.store.read())
        check_succeeds(found, lost_signers(contents))
        if log is None and contents.has_trust():
            log = contents.trust().log
        elif log is not None:
            parse_policy(log)
        contents.put_trust(Trust(issuers, verifiers, log))
        contents.save(self.store)

    def preview_offer(self, link: str) -> OfferPreview:
        """What accepting an offer would bring, and whether it needs a transaction code."""
        return self._receiving.preview(parse_offer(link))

    def accept(self, link: str, tx_code: Secret | None, *, now: datetime) -> Received:
        """Everything offered that is not here yet; after any failure, call it again. See `Receiving.accept`."""
        offer = parse_offer(link)
        with self.store.acting():
            return self._receiving.accept(offer, tx_code, now=now)

    def list(self, *, now: datetime) -> tuple[Holding, ...]:
        """Every document and how it stands, the newest first. Shows no attribute."""
        contents = Contents(self.store.read())
        return tuple(_holding(contents, document, now) for document in contents.documents())

    def show(self, wanted: str, *, now: datetime) -> Holding:
        """One document (by id, or by type if there is one of it) with its attributes."""
        contents = Contents(self.store.read())
        return _holding(contents, contents.document(wanted), now, with_attributes=True)

    def statuses(self, *, now: datetime) -> Mapping[str, DocumentStatus]:
        """How documents that name a status list stand, by id; asks for whole lists. See `statuses`."""
        return document_statuses(Contents(self.store.read()), self.status_source, now=now)

    def history(self) -> tuple[HistoryEntry, ...]:
        """What was received, shown, declined and refused, the latest first."""
        return Contents(self.store.read()).history()

    def knows_log(self) -> bool:
        """Whether this wallet was told of a public log."""
        return Contents(self.store.read()).trust().log is not None

    def log_policy(self) -> Policy:
        """Whose signatures this wallet believes of the public log; `Refused` if it was not told of any."""
        return policy_of(Contents(self.store.read()))

    def acts(self, files: LogFiles, *, whole: bool = False, tell: Tell | None = None) -> Acts:
        """What was done about the holder, as the log's files show it. See `acts.read_acts`."""
        return read_acts(self.store, files, whole=whole, tell=tell or Untold())

    def take_record(self, copy: RecordCopy, *, code: Secret) -> OwnRecord:
        """Keep the holder's own copy of a record, as the counter handed it over. See `own_record`."""
        return take_record(self.store, copy, code=code)

    def own_records(self) -> tuple[tuple[OwnRecord, RecordContent], ...]:
        """The holder's own copies, with what is in them."""
        return own_contents(self.store)

    def grants(self) -> tuple[Grant, ...]:
        """The offers that were accepted here."""
        return Contents(self.store.read()).grants()

    def due(self, *, now: datetime) -> tuple[Document, ...]:
        """What `renew_due` would renew: nothing in a wallet that moved, or in a copy. Asks nobody."""
        if self.standing().life is not Life.LIVE or self.store.is_copied():
            return ()
        return tuple(holding.document for holding in self.list(now=now) if holding.is_due)

    def renew_due(self, *, now: datetime) -> Renewed:
        """Renews what is due, and says what failed; a failure of one does not keep the others.

        That a document is not renewable is learned by asking once, and is no failure here.
        """
        renewed = self._renew(self.due(now=now), now)
        failures = tuple(failure for failure in renewed.failures if failure.check != NOT_RENEWABLE)
        return Renewed(renewed.documents, failures)

    def renew(self, wanted: str, *, now: datetime) -> Renewed:
        """Renews one document now, due or not."""
        return self._renew((Contents(self.store.read()).document(wanted),), now)

    def fetch_tokens(self, *, now: datetime, files: LogFiles | None = None) -> Fetched:
        """What says that documents are not revoked, ahead of need; `files` are the public log's. See `epochs`."""
        with self.store.acting():
            return fetch_tokens(self.store, self.issuer_line, now=now, files=files)

    def review(self, link: str, *, now: datetime) -> Plan:
        """Who asks, what for, what they would learn and how. See `Presenting.review`."""
        return self._presenting.review(link, now=now)

    def prepare(self, plan: Plan, consent: Consent, *, now: datetime) -> Prepared:
        """The answer, made but not sent. See `Presenting.prepare`."""
        return self._presenting.prepare(plan, consent, now=now)

    def send(self, prepared: Prepared) -> Sent:
        """Hands the answer over."""
        return self._presenting.send(prepared)

    def answer(self, plan: Plan, consent: Consent, *, now: datetime) -> Sent:
        """`prepare` and `send` in one, or `decline` where the person does not agree."""
        if not consent.agrees:
            self.decline(plan, now=now)
            return Sent(is_accepted=False, redirect_uri=None)
        return self.send(self.prepare(plan, consent, now=now))

    def decline(self, plan: Plan, *, now: datetime) -> None:
        """Tells the verifier no."""
        self._presenting.decline(plan, now=now)

    def standing(self) -> Standing:
        """Where this wallet stands in its life."""
        return Contents(self.store.read()).standing()

    def is_backup_old(self) -> bool:
        """Whether what was received or renewed since makes the last backup worth less. False without one."""
        contents = Contents(self.store.read())
        backed_up_at = contents.standing().backed_up_at
        return backed_up_at is not None and any(
            document.received_at > backed_up_at for document in contents.documents()
        )

    def back_up(self, place: BackupPlace, passphrase: Secret, *, hardness: Hardness, now: datetime) -> Written:
        """One sealed file to come back from. See `Leaving.back_up`."""
        return Leaving(self.store, self.entropy, hardness).back_up(place, passphrase, now=now)

    def move(
        self, place: BackupPlace, passphrase: Secret, *, hardness: Hardness, now: datetime, again: bool = False
    ) -> Written:
        """One sealed file to go on from elsewhere; this wallet stops. After any failure, call it again."""
        return Leaving(self.store, self.entropy, hardness).move(place, passphrase, now=now, again=again)

    def cancel_move(self, place: BackupPlace, *, hardness: Hardness) -> None:
        """Undo a move that was interrupted before its file was there."""
        Leaving(self.store, self.entropy, hardness).cancel(place)

    def adopt(self, *, is_newest: bool, now: datetime) -> None:
        """Go on with a file that was copied or put back. See `Returning.adopt`."""
        Returning(self.store, self.entropy).adopt(is_newest=is_newest, now=now)

    @property
    def _receiving(self) -> Receiving:
        return Receiving(self.store, self.issuer_line, self.entropy)

    @property
    def _presenting(self) -> Presenting:
        return Presenting(self.store, self.verifier_line, self.prover, self.entropy)

    def _renew(self, documents: tuple[Document, ...], now: datetime) -> Renewed:
        renewed: list[Document] = []
        failures: list[RenewalFailure] = []
        silent: dict[str, Unavailable] = {}
        with self.store.acting():
            for document in documents:
                try:
                    if document.issuer in silent:
                        # Who waits for one answer in vain does not wait for the next.
                        raise silent[document.issuer]
                    renewed.append(self._receiving.renew(document, now=now))
                except Conflict:
                    raise
                except Unavailable as error:
                    silent[document.issuer] = error
                    failures.append(RenewalFailure(document, error.check, error.message))
                except DiptychError as error:
                    failures.append(RenewalFailure(document, error.check, error.message))
        return Renewed(tuple(renewed), tuple(failures))


def _holding(contents: Contents, document: Document, now: datetime, *, with_attributes: bool = False) -> Holding:
    copies = contents.copies(document.id)
    left = sum(not copy.is_spent for copy in copies)
    grant = contents.grant(document.grant_id)
    lost_at = lost_since(contents, document, lost_signers(contents))
    attributes: tuple[Attribute, ...] = ()
    if with_attributes and copies:
        attributes = tuple(
            Attribute(
                namespace,
                item.element_identifier,
                document.claim_names.get((namespace, item.element_identifier), {}),
                item.element_value,
            )
            for namespace, items in parse_issuer_signed(copies[0].issuer_signed.reveal()).namespaces.items()
            for item in items
        )
    return Holding(
        document=document,
        copies=len(copies),
        copies_left=left,
        is_valid=document.is_valid(now) and lost_at is None,
        is_due=is_due(document, grant, copies=len(copies), copies_left=left, now=now, is_lost=lost_at is not None),
        is_renewable=None if grant.renewable is None else document.configuration_id in grant.renewable,
        attributes=attributes,
        lost_at=lost_at,
        is_fast=contents.proving(document.id) is not None,
        stands_until=max((token.ends for token in contents.tokens(document.id)), default=None),
    )
