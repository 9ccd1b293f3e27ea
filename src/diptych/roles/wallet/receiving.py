"""Fetching documents and renewing them: each key and token is stored before it is sent, so that nothing is lost.

The story of one grant, told in order. A crash or a lost answer at any point leaves the wallet able to ask again:

    offer read -> [grant with DPoP key and code saved] -> tokens asked -> [tokens saved] -> for each document:
    [device keys saved] -> document asked -> verified -> [copies in, keys out, old copies out: one write]

In brackets what is on disk before the next step. A refresh token is replaced on disk before its successor is used,
because using the successor is what ends it. Callers hold `store.acting()`.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import SoftwareSigner, dump_signer, generate_signer, load_signer
from diptych.errors import Conflict, FormatError, Refused, VerificationError
from diptych.formats import bbs_credential
from diptych.formats.mdoc.trust import IssuerTrust, parse_trust
from diptych.formats.x509 import certificate
from diptych.private import Personal, Secret
from diptych.protocols.oauth.errors import INVALID_GRANT, NOT_AUTHORIZED
from diptych.protocols.oauth.token import RefreshTokenRequest, TokenResponse
from diptych.protocols.openid4vci.credential import CredentialResponse
from diptych.protocols.openid4vci.metadata import CredentialConfiguration, IssuerMetadata
from diptych.protocols.openid4vci.offer import CredentialOffer, TxCode
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest, TokenRequest
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.issuance import Conversation, KnownIssuer, expires_at, find_issuer
from diptych.roles.wallet.model import (
    Batch,
    Copy,
    Document,
    Event,
    Grant,
    HistoryEntry,
    Names,
    Outcome,
    Tokens,
)
from diptych.roles.wallet.ports import IssuerLine, WalletStore
from diptych.roles.wallet.proving import commit, fast_suite_trust, judge, proof_for, siblings
from diptych.roles.wallet.receipt import VerifiedCopies, verify_copies
from diptych.roles.wallet.recorded import keep_recorded
from diptych.roles.wallet.records import whole_seconds

MAX_COPIES = 30
TOKEN_MARGIN = timedelta(seconds=10)
RENEW_AT = 3  # a document is renewed when a third of its life is left, or a fifth of its copies
FEW_COPIES = 5
NOT_RENEWABLE = "wallet.not_renewable"


@dataclass(frozen=True)
class OfferedDocument:
    """One document on offer, as the issuer describes it."""

    configuration_id: str
    doc_type: str
    names: Names


@dataclass(frozen=True)
class OfferPreview:
    """What accepting would bring. `tx_code` is asked of the person; None if it is not needed (any more).

    `is_known`: a root that this wallet trusts names the issuer's address. At any other the codes of an offer that was
    copied may be collected by a stranger.
    """

    issuer: str
    issuer_names: Names
    documents: tuple[OfferedDocument, ...]
    tx_code: TxCode | None
    is_resumed: bool
    is_known: bool


@dataclass(frozen=True)
class RefusedDocument:
    """A document that the issuer sent, or did not, and that is not in the wallet: which check, and what to do."""

    configuration_id: str
    names: Names
    check: str
    message: str


@dataclass(frozen=True)
class Received:
    """What came in, and what did not get in."""

    documents: tuple[Document, ...]
    refused: tuple[RefusedDocument, ...]


@dataclass(frozen=True)
class Receiving:
    """The use-cases that talk to issuers."""

    store: WalletStore
    line: IssuerLine
    entropy: Entropy

    def preview(self, offer: CredentialOffer) -> OfferPreview:
        """What is on offer. Stores nothing and uses nothing up."""
        contents = Contents(self.store.read())
        known = contents.grant_of_code(_digest(offer))
        issuer = find_issuer(self.line, offer.issuer)
        wanted = offer.configuration_ids if known is None else known.outstanding
        wanted = tuple(name for name in wanted if not _is_proving(issuer.metadata, name))
        documents = tuple(
            OfferedDocument(name, configuration.doc_type, configuration.names)
            for name, configuration in ((name, _configuration(issuer.metadata, name)) for name in wanted)
        )
        needs_tx_code = known is None or (known.tokens is None and known.tx_code is None)
        return OfferPreview(
            issuer=offer.issuer,
            issuer_names=issuer.metadata.names,
            documents=documents,
            tx_code=offer.tx_code if needs_tx_code else None,
            is_resumed=known is not None,
            is_known=_is_known(offer.issuer, self._trust(contents)),
        )

    def accept(self, offer: CredentialOffer, tx_code: Secret | None, *, now: datetime) -> Received:
        """Everything that is offered and not here yet. Called again after any failure, it goes on where it stopped.

        `Conflict` "wallet.already_accepted" once all is here; `Refused` "wallet.tx_code_missing" without the code.
        """
        contents = Contents.of_live(self.store)
        issuer = find_issuer(self.line, offer.issuer)
        grant = self._open_grant(contents, issuer.metadata, offer, tx_code)
        conversation = self._conversation(issuer, grant)
        grant = self._ensure_tokens(contents, conversation, grant, now)
        received: list[Document] = []
        refused: list[RefusedDocument] = []
        for configuration_id in grant.outstanding:
            configuration = _configuration(issuer.metadata, configuration_id)
            fetch = self._fetch_proving if _is_proving(issuer.metadata, configuration_id) else self._fetch
            try:
                try:
                    grant, document = fetch(contents, conversation, issuer, grant, configuration_id, now=now)
                except Refused as error:
                    if error.code != NOT_AUTHORIZED:
                        raise
                    grant = self._ensure_tokens(contents, conversation, contents.grant(grant.id), now)
                    grant, document = fetch(contents, conversation, issuer, grant, configuration_id, now=now)
                if document not in received:
                    received.append(document)
            except (VerificationError, FormatError, Refused) as error:
                refused.append(RefusedDocument(configuration_id, configuration.names, error.check, error.message))
        return Received(tuple(received), tuple(refused))

    def renew(self, document: Document, *, now: datetime) -> Document:
        """Fresh copies in the place of the old ones. `Refused` "wallet.not_renewable" where the issuer renews none."""
        contents = Contents.of_live(self.store)
        grant = contents.grant(document.grant_id)
        issuer = find_issuer(self.line, grant.issuer)
        conversation = self._conversation(issuer, grant)
        grant = self._refresh(contents, conversation, grant, now)
        if grant.renewable is not None and document.configuration_id not in grant.renewable:
            raise Refused(NOT_RENEWABLE, "the issuer does not renew this document: ask for a new one")
        for name in siblings(issuer.metadata, (document.configuration_id,), fast_suite_trust(contents)):
            # Before the copies, whose dates say when to renew next; what it cannot have does not keep them from coming.
            with suppress(VerificationError, FormatError, Refused):
                grant, _ = self._fetch_proving(contents, conversation, issuer, grant, name, now=now)
        _, renewed = self._fetch(contents, conversation, issuer, grant, document.configuration_id, now=now)
        return renewed

    def _open_grant(
        self, contents: Contents, metadata: IssuerMetadata, offer: CredentialOffer, tx_code: Secret | None
    ) -> Grant:
        """The grant of this offer, on disk before anything is asked under it."""
        grant = contents.grant_of_code(_digest(offer))
        if grant is not None and not grant.outstanding:
            raise Conflict("wallet.already_accepted", "this offer was accepted before: its documents are here")
        for name in offer.configuration_ids:
            _configuration(metadata, name)
        wanted = (*offer.configuration_ids, *siblings(metadata, offer.configuration_ids, fast_suite_trust(contents)))
        if grant is None:
            grant = Grant(
                id=self._new_id(),
                issuer=offer.issuer,
                issuer_names=metadata.names,
                configuration_ids=offer.configuration_ids,
                outstanding=wanted,
                code_digest=_digest(offer),
                code=offer.code,
                tx_code=tx_code,
                dpop_key=Secret(dump_signer(generate_signer())),
            )
        elif tx_code is not None and grant.tokens is None:
            grant = replace(grant, tx_code=tx_code)
        if offer.tx_code is not None and grant.tx_code is None and grant.tokens is None:
            raise Refused("wallet.tx_code_missing", "this offer needs the transaction code that goes with it")
        contents.put_grant(grant)
        contents.save(self.store)
        return grant

    def _ensure_tokens(self, contents: Contents, conversation: Conversation, grant: Grant, now: datetime) -> Grant:
        """The grant with an access token that still stands, from the code as long as the issuer takes it."""
        if grant.tokens is not None and now + TOKEN_MARGIN < grant.tokens.expires_at:
            return grant
        if grant.code is None:
            raise Refused("wallet.offer_lapsed", "this offer can no longer be used: ask for a new one")
        try:
            response = conversation.ask_tokens(PreAuthorizedTokenRequest(grant.code, grant.tx_code), now=now)
        except Refused as error:
            if error.code != INVALID_GRANT:
                raise
            if grant.tokens is None:
                # The DPoP key stays: if an earlier answer was lost, the issuer knows the code by this key.
                contents.put_grant(replace(grant, tx_code=None))
                contents.save(self.store)
                raise
            raise Refused(
                "wallet.offer_lapsed", "too much time has passed since this offer was accepted: ask for a new one"
            ) from error
        return self._keep_tokens(contents, grant, response, renewable=grant.renewable, now=now)

    def _refresh(self, contents: Contents, conversation: Conversation, grant: Grant, now: datetime) -> Grant:
        if grant.tokens is None or grant.tokens.refresh_token is None:
            raise Refused(NOT_RENEWABLE, "the issuer does not renew this document: ask for a new one")
        if grant.renewable is not None and now + TOKEN_MARGIN < grant.tokens.expires_at:
            return grant
        request: TokenRequest = RefreshTokenRequest(grant.tokens.refresh_token)
        try:
            response = conversation.ask_tokens(request, now=now)
        except Refused as error:
            if error.code != INVALID_GRANT:
                raise
            # Void, expired or used up: asking again would change nothing.
            contents.put_grant(replace(grant, tokens=replace(grant.tokens, refresh_token=None)))
            contents.save(self.store)
            if grant.id in contents.standing().unproven_grants:
                raise Refused(
                    "wallet.backup_superseded",
                    "the issuer no longer renews under this offer: the wallet has most likely renewed after this copy"
                    " of it was made, and an old token used again closes the order, here and there. Ask at the counter"
                    " for a new offer; proofs can be given of what is here until it expires",
                ) from error
            raise Refused(
                "wallet.renewal_ended", "the issuer no longer renews under this offer: ask for a new one"
            ) from error
        return self._keep_tokens(contents, grant, response, renewable=response.scope, now=now)

    def _keep_tokens(
        self,
        contents: Contents,
        grant: Grant,
        response: TokenResponse,
        *,
        renewable: tuple[str, ...] | None,
        now: datetime,
    ) -> Grant:
        """The tokens on disk: before any of them is used, because that is what ends their predecessors."""
        refresh_token = response.refresh_token
        if refresh_token is None and grant.tokens is not None:
            refresh_token = grant.tokens.refresh_token  # RFC 6749 6: none in the answer, the old one stays
        tokens = Tokens(response.access_token, expires_at(response, now), refresh_token)
        kept = replace(grant, tokens=tokens, renewable=renewable)
        contents.put_grant(kept)
        standing = contents.standing()
        if grant.id in standing.unproven_grants:
            unproven = tuple(name for name in standing.unproven_grants if name != grant.id)
            contents.put_standing(replace(standing, unproven_grants=unproven))
        contents.save(self.store)
        return kept

    def _fetch(
        self,
        contents: Contents,
        conversation: Conversation,
        issuer: KnownIssuer,
        grant: Grant,
        configuration_id: str,
        *,
        now: datetime,
    ) -> tuple[Grant, Document]:
        """One document in copies: keys saved, asked for, verified, and put in the place of what it replaces."""
        assert grant.tokens is not None  # `_ensure_tokens` or `_refresh` came first
        configuration = _configuration(issuer.metadata, configuration_id)
        batch = self._keys(contents, grant, configuration_id, issuer.metadata.batch_size)
        signers = tuple(load_signer(key.reveal()) for key in batch.device_keys)
        try:
            response = conversation.ask_documents(
                configuration_id, signers, access_token=grant.tokens.access_token, now=now
            )
        except Refused as error:
            if error.code == NOT_AUTHORIZED:
                # Next time, ask for another token first.
                contents.put_grant(replace(grant, tokens=replace(grant.tokens, expires_at=whole_seconds(now))))
                contents.save(self.store)
            raise
        copies = verify_copies(
            response.credentials,
            device_signers=signers,
            expected_doc_type=configuration.doc_type,
            trust=self._trust(contents),
            now=now,
        )
        keep_recorded(contents, self.store, grant, configuration_id, response, day=copies.signed.date())
        return self._keep(contents, grant, batch, configuration, verified=copies, now=now)

    def _fetch_proving(
        self,
        contents: Contents,
        conversation: Conversation,
        issuer: KnownIssuer,
        grant: Grant,
        configuration_id: str,
        *,
        now: datetime,
    ) -> tuple[Grant, Document]:
        """The fast suite's credential beside a document: commitment saved, asked for, verified, kept."""
        assert grant.tokens is not None  # `_ensure_tokens` or `_refresh` came first
        doc_type = _configuration(issuer.metadata, configuration_id).doc_type
        document = next(
            (one for one in contents.documents() if (one.grant_id, one.doc_type) == (grant.id, doc_type)), None
        )
        if document is None:
            raise Refused("wallet.no_document", "the document that this credential is of is not in this wallet")
        commitment, secret = commit(contents, self.store, grant, entropy=self.entropy)
        response = conversation.ask_proving(
            configuration_id,
            lambda c_nonce: proof_for(
                commitment, secret, issuer=issuer.metadata.issuer, c_nonce=c_nonce, entropy=self.entropy
            ),
            access_token=grant.tokens.access_token,
            now=now,
        )
        (credential,) = response.credentials
        proving = judge(credential, document, commitment, secret, fast_suite_trust(contents))
        keep_recorded(contents, self.store, grant, configuration_id, response, day=_issued_on(response, now))
        contents.put_proving(proving)
        kept = _without_outstanding(grant, configuration_id)
        contents.put_grant(kept)
        contents.save(self.store)
        return kept, document

    def _keys(self, contents: Contents, grant: Grant, configuration_id: str, batch_size: int) -> Batch:
        """Device keys for one request, on disk before they are sent. Asked again, the same keys are sent again."""
        batch = contents.batch(grant.id, configuration_id)
        if batch is None:
            count = max(1, min(batch_size, MAX_COPIES))
            keys = tuple(Secret(dump_signer(generate_signer())) for _ in range(count))
            batch = Batch(grant.id, configuration_id, keys)
            contents.put_batch(batch)
            contents.save(self.store)
        return batch

    def _keep(
        self,
        contents: Contents,
        grant: Grant,
        batch: Batch,
        configuration: CredentialConfiguration,
        *,
        verified: VerifiedCopies,
        now: datetime,
    ) -> tuple[Grant, Document]:
        former = contents.document_under(grant.id, batch.configuration_id)
        document = Document(
            id=self._new_id() if former is None else former.id,
            grant_id=grant.id,
            configuration_id=batch.configuration_id,
            doc_type=configuration.doc_type,
            issuer=grant.issuer,
            names=configuration.names,
            claim_names={
                (claim.path[0], claim.path[1]): claim.names for claim in configuration.claims if len(claim.path) == 2
            },
            received_at=whole_seconds(now),
            valid_from=verified.valid_from,
            valid_until=verified.valid_until,
        )
        kept = _without_outstanding(grant, batch.configuration_id)
        contents.put_grant(kept)
        contents.remove_batch(batch)
        contents.put_document(document)
        if former is not None:
            for copy in contents.copies(former.id):
                contents.remove_copy(copy)
        for position, (issuer_signed, signer) in enumerate(verified.copies):
            contents.put_copy(self._copy(document, position, issuer_signed, signer))
        contents.put_history_entry(
            HistoryEntry(
                id=contents.next_history_id(self.entropy),
                at=whole_seconds(now),
                event=Event.RECEIVED if former is None else Event.RENEWED,
                outcome=Outcome.DONE,
                who=Personal(grant.issuer),
                purpose=Personal(""),
                documents=Personal((document.configuration_id,)),
            )
        )
        contents.save(self.store)
        return kept, document

    def _copy(self, document: Document, position: int, issuer_signed: Personal[bytes], signer: SoftwareSigner) -> Copy:
        return Copy(self._new_id(), document.id, position, issuer_signed, Secret(dump_signer(signer)))

    def _conversation(self, issuer: KnownIssuer, grant: Grant) -> Conversation:
        return Conversation(self.line, issuer, load_signer(grant.dpop_key.reveal()), self.entropy)

    def _trust(self, contents: Contents) -> IssuerTrust:
        return parse_trust(contents.trust().issuers)

    def _new_id(self) -> str:
        return self.entropy(16).hex()


def is_due(
    document: Document, grant: Grant, *, copies: int, copies_left: int, now: datetime, is_lost: bool = False
) -> bool:
    """Whether the document should be renewed now, as far as the issuer renews it. `is_lost`: its signer's key is."""
    if grant.tokens is None or grant.tokens.refresh_token is None:
        return False
    if grant.renewable is not None and document.configuration_id not in grant.renewable:
        return False
    life = document.valid_until - document.valid_from
    return is_lost or document.valid_until - now <= life / RENEW_AT or copies_left * FEW_COPIES <= copies


def _configuration(metadata: IssuerMetadata, configuration_id: str) -> CredentialConfiguration:
    configuration = metadata.configurations.get(configuration_id)
    if configuration is None:
        raise Refused("wallet.unknown_document", "the issuer offers a document that it does not describe")
    return configuration


def _issued_on(response: CredentialResponse, now: datetime) -> date:
    """The day of a credential that does not say one: its act's, if that is today or, around midnight, yesterday."""
    today = now.date()
    told = today if response.recorded is None else response.recorded.acts[-1].committed.act.day
    return told if told == today - timedelta(days=1) else today


def _is_proving(metadata: IssuerMetadata, configuration_id: str) -> bool:
    return _configuration(metadata, configuration_id).format == bbs_credential.FORMAT


def _without_outstanding(grant: Grant, configuration_id: str) -> Grant:
    """The grant with one thing less to fetch; with nothing left, its codes are of no more use."""
    outstanding = tuple(name for name in grant.outstanding if name != configuration_id)
    kept = replace(grant, outstanding=outstanding)
    return kept if outstanding else replace(kept, code=None, tx_code=None)


def _is_known(issuer: str, trust: IssuerTrust) -> bool:
    named = {url.rstrip("/") for root in trust.roots for url in certificate.contacts(certificate.parse(root))}
    return issuer.rstrip("/") in named


def _digest(offer: CredentialOffer) -> bytes:
    return hashlib.sha256(offer.issuer.encode() + b"\0" + offer.code.reveal()).digest()
