"""What the issuer does: accepts sealed orders, turns codes into tokens, and tokens into signed documents.

Each use-case is one transaction: a request that fails leaves nothing behind, but for the tries it used up and the
incidents it caused. Who asks is a DPoP key; the clock and randomness are arguments.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey, SoftwareSigner
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.catalogue.model import Catalogue, DocumentType
from diptych.formats.jose import jwk
from diptych.formats.order import standing
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.order.sealed import open_part
from diptych.formats.order.signed import parse_signed_order, verify_signed_order
from diptych.private import Secret
from diptych.protocols.oauth.dpop import DpopProof, verify_proof
from diptych.protocols.oauth.metadata import AuthorizationServerMetadata
from diptych.protocols.oauth.nonces import NonceMint
from diptych.protocols.oauth.token import RefreshTokenRequest, TokenResponse
from diptych.protocols.openid4vci.commitment_proof import verify_commitment_proof
from diptych.protocols.openid4vci.credential import (
    CredentialRequest,
    CredentialResponse,
    decrypt_request,
    parse_credential_request,
)
from diptych.protocols.openid4vci.errors import (
    CREDENTIAL_REQUEST_DENIED,
    INVALID_ENCRYPTION_PARAMETERS,
    INVALID_NONCE,
    INVALID_PROOF,
    UNKNOWN_CREDENTIAL_CONFIGURATION,
)
from diptych.protocols.openid4vci.key_proof import verify_key_proofs
from diptych.protocols.openid4vci.metadata import (
    ClaimDescription,
    CredentialConfiguration,
    IssuerMetadata,
    RequestEncryption,
)
from diptych.protocols.openid4vci.nonce import NonceResponse
from diptych.protocols.openid4vci.token import GRANT_TYPES, TokenRequest
from diptych.roles.issuer import standings
from diptych.roles.issuer.acts import PublicLog, is_open, mark_recorded, record, record_waiting
from diptych.roles.issuer.batches import issue_batch
from diptych.roles.issuer.copies import sign_copies
from diptych.roles.issuer.model import NONCE_LIFETIME_SECONDS, OrderState, StoredOrder
from diptych.roles.issuer.ports import DocumentSigners, IssuerStore, IssuerTransaction, ProvingSigners
from diptych.roles.issuer.proving import proving_configurations, proving_type, sign_credential
from diptych.roles.issuer.standings import StandingReceipt, check_stands, come_into_force, is_public, queue_act
from diptych.roles.issuer.status_lists import StatusLists, served
from diptych.roles.issuer.status_model import Publication
from diptych.roles.issuer.tokens import (
    OpenedOrder,
    OrderKeys,
    confirm_access,
    no_access,
    redeem_code,
    refresh,
    use_access_token,
)

TOKENS_PATH = "/token"
NONCES_PATH = "/nonce"
CREDENTIALS_PATH = "/credential"
ORDERS_PATH = "/orders"


@dataclass(frozen=True)
class OrderReceipt:
    """The issuer has this order; `is_new` is False when it had it already."""

    order_id: bytes
    is_new: bool

    def encode(self) -> bytes:
        """The JSON answer (docs/spec/issuer-api.md)."""
        return strict_json.encode({"order": base64url.encode(self.order_id)})


@dataclass(frozen=True)
class Issuer:
    """The issuer at `url`, honouring orders of `officers`, issuing the catalogue's document types."""

    url: str
    names: Mapping[str, str]
    catalogue: Catalogue
    officers: Collection[PublicKey]
    signers: DocumentSigners
    store: IssuerStore
    nonce_key: Secret = field(repr=False)
    request_key: SoftwareSigner | None = None
    """The key to which wallets may encrypt credential requests; without it, neither requests nor responses are."""
    log: PublicLog | None = None
    """Where acts are recorded before anything is handed out; None for an issuer that was told to do without."""
    proving_signers: ProvingSigners | None = field(default=None, repr=False)
    """The keys of the fast suite; without them, its credentials are not on offer."""
    publication: Publication = field(default_factory=Publication)

    def metadata(self) -> IssuerMetadata:
        """What wallets read first (OpenID4VCI 1.0, 12.2)."""
        return IssuerMetadata(
            issuer=self.url,
            credential_endpoint=self.url + CREDENTIALS_PATH,
            nonce_endpoint=self.url + NONCES_PATH,
            batch_size=self._batch_size,
            configurations={
                **{document_type.id: _configuration(document_type) for document_type in self.catalogue.types.values()},
                **({} if self.proving_signers is None else proving_configurations(self.catalogue)),
            },
            names=self.names,
            request_encryption=None if self.request_key is None else _request_encryption(self.request_key.public_key),
        )

    def authorization_server_metadata(self) -> AuthorizationServerMetadata:
        """Where tokens come from: here (RFC 8414)."""
        return AuthorizationServerMetadata(self.url, self.url + TOKENS_PATH, GRANT_TYPES)

    def accept_order(self, body: bytes, *, now: datetime) -> OrderReceipt:
        """Store an officer's signed order. Sent again, it is the same order; another under its id is a `Conflict`.

        `Refused` or `VerificationError` for an order that no honoured officer signed for this issuer and this time.
        """
        verified = verify_signed_order(
            parse_signed_order(body), officers=self.officers, expected_issuer=self.url, now=now
        )
        order, digest = verified.order, hashlib.sha256(verified.order.encode()).digest()
        with self.store.transaction() as state:
            known = state.order(order.order_id)
            if known is not None and known.digest != digest:
                raise Conflict("order.id", "another order with this id is here already: approve it again")
            if known is None:
                state.save_order(
                    StoredOrder(
                        order_id=order.order_id,
                        digest=digest,
                        code_hash=order.code_hash,
                        state=OrderState.OFFERED,
                        expires_at=order.expires_at,
                        sealed_full=order.full.sealed,
                        sealed_renewal=order.renewal.sealed,
                        code_wrap_full=order.full.wrapped_key,
                        code_wrap_renewal=order.renewal.wrapped_key,
                    )
                )
        return OrderReceipt(order.order_id, known is None)

    def dpop_nonce(self, *, now: datetime, entropy: Entropy) -> str:
        """A nonce for the next DPoP proof (RFC 9449 8)."""
        return self._dpop_nonces.issue(now=now, entropy=entropy)

    def c_nonce(self, *, now: datetime, entropy: Entropy) -> NonceResponse:
        """A nonce for proofs of keys (OpenID4VCI 1.0, 7). Nothing is stored: anyone may ask."""
        return NonceResponse(self._c_nonces.issue(now=now, entropy=entropy))

    def issue_tokens(self, request: TokenRequest, *, dpop: str, now: datetime, entropy: Entropy) -> TokenResponse:
        """Tokens for a code or a refresh token; see `tokens`. Raises with the code of RFC 6749 5.2 or RFC 9449."""
        proof = self._verify_dpop(dpop, TOKENS_PATH, now=now)
        with self.store.transaction() as state:
            outcome: TokenResponse | DiptychError
            if isinstance(request, RefreshTokenRequest):
                outcome = refresh(state, request, proof, now=now, entropy=entropy)
            else:
                outcome = redeem_code(state, request, proof, now=now, entropy=entropy)
        # Raised only here: what goes with it is saved.
        if isinstance(outcome, DiptychError):
            raise outcome
        return outcome

    def read_request(self, body: bytes, *, is_encrypted: bool, now: datetime) -> CredentialRequest:
        """The credential request in a body; `FormatError` with OpenID4VCI's code (8.3.1.2).

        8.2: a response is encrypted only for an encrypted request, or whoever changes the request swaps the key.
        """
        if is_encrypted:
            if self.request_key is None:
                raise FormatError(
                    "credential.encrypted", "encrypted requests are not read here", code=INVALID_ENCRYPTION_PARAMETERS
                )
            return decrypt_request(body, self.request_key.private_key(), now=now)
        request = parse_credential_request(body)
        if request.response_encryption is not None:
            raise FormatError(
                "credential.encrypted",
                "encrypt the request too when asking for an encrypted response",
                code=INVALID_ENCRYPTION_PARAMETERS,
            )
        return request

    def issue_credentials(
        self, request: CredentialRequest, *, access_token: Secret, dpop: str, now: datetime, entropy: Entropy
    ) -> CredentialResponse:
        """Documents of one type, one for each proven key; or its credential of the fast suite, on one commitment.

        1. The proof of possession of the token's key, for this request and this token (RFC 9449 7).
        2. The type is one we issue, and there are no more proofs than we announce.
        3. Every key proof, or the commitment's, under nonces of ours (OpenID4VCI 1.0, appendix F.4).
        4. In one transaction: the token opens the order; DPoP proof and nonces are used up; the order has a document
           of this type, in the part that this token opens; and it still fits the catalogue. The documents are signed,
           and the act is queued: or the same request came before, and there they are.
        5. The act stands in the public log, verified under our own policy. Meanwhile no transaction is open.
        6. In one transaction: the order is not void or suspended by now; the token is confirmed, and what it was
           exchanged for ends.

        Until 6., nothing was handed out, and whatever fails can be asked for again, by this token or by a new one.
        Without a log there is no act: 4. and 6. are one.
        """
        # 1.
        proof = self._verify_dpop(dpop, CREDENTIALS_PATH, now=now, access_token=access_token)
        # 2. and 3.
        wanted = (
            self._wanted_copies(request, now, entropy)
            if request.commitment_proof is None
            else self._wanted_proving(request, request.commitment_proof, now, entropy)
        )
        # 4. The documents are signed inside the transaction: they leave it together with what was used up.
        with self.store.transaction() as state:
            opened = use_access_token(state, access_token, proof, now=now)

            def sign() -> tuple[bytes, ...]:
                self._use_nonces(state, wanted.nonces, now)
                return wanted.sign(state, opened, _ordered(opened.order, opened.keys, wanted.document_type))

            if self.log is None:
                confirm_access(state, opened.grant)
                return CredentialResponse(sign())
            batch = issue_batch(
                state,
                opened,
                request.configuration_id,
                wanted.bound_to,
                sign=sign,
                policy_hash=self.log.policy_hash,
                now=now,
                entropy=entropy,
            )
        # 5.
        receipts = self.log.record(batch.waiting)
        # 6.
        with self.store.transaction() as state:
            order = mark_recorded(state, opened.order.order_id, batch.waiting)
            if not is_open(order):
                raise no_access()
            check_stands(state, opened.order.order_id, is_token_request=False)
            confirm_access(state, opened.grant)
            acts = state.acts(opened.order.order_id)
        return CredentialResponse(batch.credentials, batch.recorded(acts, receipts[-1]))

    def record_waiting(self) -> None:
        """Record what requests left in the queue that died or that the log did not answer; run it now and then."""
        if self.log is not None:
            record_waiting(self.store, self.log)

    def accept_standing(self, body: bytes, *, now: datetime, entropy: Entropy) -> StandingReceipt:
        """Keep what an officer says about an order, with its act; see `standings`. Said again, it is the same."""
        verified = standing.verify(standing.parse(body), officers=self.officers, expected_issuer=self.url, now=now)
        with self.store.transaction() as state:
            receipt = standings.accept(state, verified)
            act = None
            if receipt.is_new and self.log is not None:
                act = queue_act(state, receipt.standing, policy_hash=self.log.policy_hash, now=now, entropy=entropy)
        if act is not None and self.log is not None:
            # It was taken, and stays queued whatever the log answers: it comes into force once it stands there.
            with suppress(Unavailable):
                record(self.store, self.log, act)
        return receipt

    def tell(self, asking: Secret) -> bytes | None:
        """What an officer said, sealed for the holder who asks with `ChainElement.asking`; None for everybody else."""
        with self.store.transaction() as state:
            return standings.told(state, asking)

    def status_list(self, number: int, *, media_type: str) -> bytes:
        """The present version of a status list, as everybody gets it."""
        with self.store.transaction() as state:
            return served(state.status, number, media_type=media_type)

    def publish_status_lists(self, *, now: datetime) -> None:
        """Let what was said come into force, and publish new versions, if their time has come."""
        with self.store.transaction() as state:
            state.status.hold()
            if state.status.numbers() and not self.status_lists.is_due(state.status, now=now):
                return
            for waiting in state.status.waiting():
                if is_public(state, waiting):
                    come_into_force(state, waiting)
            self.status_lists.publish(state.status, now=now)

    def check(self) -> None:
        """Raises `Unavailable` if the issuer cannot work now."""
        with self.store.transaction():
            pass

    def sweep(self, now: datetime) -> None:
        """Delete what can no longer be used, and publish what is to be known; run it every minute."""
        self.store.forget_expired(now)
        self.publish_status_lists(now=now)

    @property
    def status_lists(self) -> StatusLists:
        """The lists that say which of the documents issued here do not stand."""
        return StatusLists(self.url, self.signers, self.publication)

    @property
    def _batch_size(self) -> int:
        return max(document_type.copies for document_type in self.catalogue.types.values())

    @property
    def _dpop_nonces(self) -> NonceMint:
        return NonceMint(self.nonce_key, "dpop", NONCE_LIFETIME_SECONDS)

    @property
    def _c_nonces(self) -> NonceMint:
        return NonceMint(self.nonce_key, "c_nonce", NONCE_LIFETIME_SECONDS)

    def _verify_dpop(self, dpop: str, path: str, *, now: datetime, access_token: Secret | None = None) -> DpopProof:
        return verify_proof(
            dpop,
            expected_htm="POST",
            expected_htu=self.url + path,
            check_nonce=lambda nonce: _ignore(self._dpop_nonces.check(nonce, now=now)),
            now=now,
            access_token=access_token,
        )

    def _wanted_copies(self, request: CredentialRequest, now: datetime, entropy: Entropy) -> "_Wanted":
        """Steps 2 and 3 for an mdoc: a copy for each proven key."""
        document_type = self.catalogue.types.get(request.configuration_id)
        if document_type is None:
            raise _unknown_configuration()
        if len(request.proofs) > self._batch_size:
            raise Refused(
                "credential.batch_size", f"at most {self._batch_size} key proofs in a request", code=INVALID_PROOF
            )
        keys = verify_key_proofs(
            request.proofs,
            expected_issuer=self.url,
            check_nonce=lambda nonce: _ignore(self._c_nonces.check(nonce, now=now)),
            now=now,
        )
        # OpenID4VCI 1.0, 8.3: the issuer may decide to issue fewer than there are keys.
        device_keys = keys.public_keys[: document_type.copies]

        def sign(state: IssuerTransaction, opened: OpenedOrder, document: OrderedDocument) -> tuple[bytes, ...]:
            places = None
            if document_type.status_list:
                places = partial(
                    self.status_lists.references, state.status, opened.order.order_id, now=now, entropy=entropy
                )
            signer = self.signers.signer_for(document_type.doc_type)
            return sign_copies(
                document_type,
                document,
                device_keys,
                document_signer=signer,
                now=now,
                entropy=entropy,
                references=places,
            )

        return _Wanted(document_type, tuple(jwk.thumbprint(key) for key in device_keys), keys.nonces, sign)

    def _wanted_proving(
        self, request: CredentialRequest, commitment_proof: bytes, now: datetime, entropy: Entropy
    ) -> "_Wanted":
        """The same for a credential of the fast suite: one commitment in the place of keys (`proving`)."""
        document_type, signers = proving_type(self.catalogue, request.configuration_id), self.proving_signers
        if document_type is None or signers is None:
            raise _unknown_configuration()
        proven = verify_commitment_proof(
            commitment_proof,
            expected_issuer=self.url,
            check_nonce=lambda nonce: _ignore(self._c_nonces.check(nonce, now=now)),
            entropy=entropy,
        )

        def sign(state: IssuerTransaction, opened: OpenedOrder, document: OrderedDocument) -> tuple[bytes, ...]:
            signer = signers.signer_for(document_type.doc_type)
            order_id = opened.order.order_id
            return (
                sign_credential(
                    state, order_id, document_type, document, proven, signer=signer, now=now, entropy=entropy
                ),
            )

        return _Wanted(document_type, (proven.point,), (proven.nonce,), sign)

    def _use_nonces(self, state: IssuerTransaction, nonces: Sequence[str], now: datetime) -> None:
        for text in nonces:
            nonce = self._c_nonces.check(text, now=now)
            seen = hashlib.sha256(b"c_nonce\0" + nonce.text.encode()).digest()
            if not state.use_once(seen, expires_at=nonce.expires_at):
                raise VerificationError(
                    "key_proof.nonce", "this nonce was used before: ask for a new one", code=INVALID_NONCE
                )


@dataclass(frozen=True)
class _Wanted:
    """What a checked request asks for: of which type, bound to which keys or commitment, under which nonces."""

    document_type: DocumentType
    bound_to: tuple[bytes, ...]
    nonces: tuple[str, ...]
    sign: Callable[[IssuerTransaction, OpenedOrder, OrderedDocument], tuple[bytes, ...]]


def _ordered(order: StoredOrder, keys: OrderKeys, document_type: DocumentType) -> OrderedDocument:
    """The order's document of this type. The full part is opened only for what the renewal part does not have."""
    parts: list[tuple[OrderedDocument, ...]] = []
    if order.sealed_renewal is not None:
        parts.append(open_part(order.sealed_renewal, keys.renewal, order_id=order.order_id, part="renewal"))
    found = _of_type(parts, document_type)
    if found is None and order.sealed_full is not None and keys.full is not None:
        parts.append(open_part(order.sealed_full, keys.full, order_id=order.order_id, part="full"))
        found = _of_type(parts, document_type)
    if found is None:
        raise Refused(
            "credential.not_ordered",
            "this token does not open a document of this type: a refreshed token opens renewals only",
            code=CREDENTIAL_REQUEST_DENIED,
        )
    return found


def _of_type(parts: list[tuple[OrderedDocument, ...]], document_type: DocumentType) -> OrderedDocument | None:
    return next((document for part in parts for document in part if document.type_id == document_type.id), None)


def _configuration(document_type: DocumentType) -> CredentialConfiguration:
    return CredentialConfiguration(
        doc_type=document_type.doc_type,
        scope=document_type.id,  # HAIP 1.0, 4.1: every configuration has a scope
        names={"en": document_type.names.en, "fr": document_type.names.fr},
        claims=tuple(
            ClaimDescription(
                (document_type.namespace, attribute.identifier),
                {"en": attribute.names.en, "fr": attribute.names.fr},
                attribute.mandatory,
            )
            for attribute in document_type.attributes
        ),
    )


def _request_encryption(public_key: PublicKey) -> RequestEncryption:
    return RequestEncryption(public_key, base64url.encode(jwk.thumbprint(public_key)))


def _unknown_configuration() -> FormatError:
    return FormatError(
        "credential.configuration",
        "no such credential configuration here: read the issuer's metadata",
        code=UNKNOWN_CREDENTIAL_CONFIGURATION,
    )


def _ignore(checked: object) -> None:
    """The check raises; what it returns matters only to those who use nonces up."""
