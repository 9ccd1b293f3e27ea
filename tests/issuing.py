"""An officer, an issuer and the smallest wallet that can be, on one clock and without a network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from hashlib import shake_256

import pytest

from diptych.crypto.signing import PublicKey, SoftwareSigner, generate_signer
from diptych.errors import DiptychError
from diptych.formats.catalogue.model import (
    Attribute,
    Bilingual,
    Catalogue,
    Derived,
    DocumentType,
    Kind,
    Retention,
    Rule,
    Sensitivity,
)
from diptych.formats.cbor import CborValue
from diptych.formats.mdoc.issuer_signed import IssuerSigned, parse_issuer_signed
from diptych.formats.mdoc.trust import STATUS_LISTS, IssuerTrust
from diptych.formats.order.codes import new_code, new_tx_code
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.order.sealed import seal_order
from diptych.formats.order.signed import officer_fingerprint, sign_order
from diptych.formats.x509 import profiles
from diptych.private import Personal, Secret
from diptych.protocols.oauth.dpop import build_proof
from diptych.protocols.oauth.token import RefreshTokenRequest, TokenResponse, parse_token_response
from diptych.protocols.openid4vci.credential import CredentialRequest, CredentialResponse
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.protocols.openid4vci.offer import CredentialOffer, TxCode
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest, TokenRequest
from diptych.roles.issuer.acts import PublicLog
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.ports import DocumentSigner, IssuerStore
from diptych.roles.issuer.service import Issuer

URL = "http://127.0.0.1:8101"
NOW = datetime(2026, 6, 15, 9, 30, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 15, tzinfo=UTC)

FULL = {"family_name": "Mustermann-Canary-4711", "given_name": "Erika-Canary-0815"}
BOOLEANS = {"age_over_18": True}


def _attribute(identifier: str, kind: Kind, derived: Derived | None = None) -> Attribute:
    words = Bilingual("words", "mots")
    return Attribute(
        identifier=identifier,
        kind=kind,
        names=words,
        purpose=words,
        legal_basis="Law 1",
        retention=Retention.ORDER,
        sensitivity=Sensitivity.PERSONAL,
        provable=kind is Kind.BOOLEAN,
        mandatory=True,
        max_length=50,
        choices=(),
        derived=derived,
        specimen=None,
    )


def _type(identifier: str, doc_type: str, attributes: Sequence[Attribute], **more: object) -> DocumentType:
    values: dict[str, object] = {
        "names": Bilingual(identifier, identifier),
        "standard": "a standard",
        "copies": 3,
        "validity_days": 90,
        "renewable": False,
        "proofs": (),
        **more,
    }
    return DocumentType(id=identifier, doc_type=doc_type, namespace=doc_type, attributes=tuple(attributes), **values)


CATALOGUE = Catalogue(
    {
        "driving-licence": _type(
            "driving-licence",
            "org.iso.18013.5.1.mDL",
            [_attribute("family_name", Kind.TEXT), _attribute("given_name", Kind.TEXT)],
            proofs=("proof-of-age",),
            status_list=True,
        ),
        "proof-of-age": _type(
            "proof-of-age",
            "eu.europa.ec.av.1",
            [_attribute("age_over_18", Kind.BOOLEAN, Derived(Rule.AGE_OVER, "18"))],
            copies=5,
            validity_days=14,
            renewable=True,
        ),
        "identity-card": _type("identity-card", "eu.europa.ec.eudi.pid.1", [_attribute("family_name", Kind.TEXT)]),
    }
)


class Dice:
    """Entropy that is different each time and the same in each run."""

    def __init__(self, seed: int = 0) -> None:
        self._next = seed << 64

    def __call__(self, count: int) -> bytes:

        self._next += 1
        return shake_256(self._next.to_bytes(32, "big")).digest(count)


class Signers:
    """A root, and a signer for each document type under it."""

    def __init__(self, catalogue: Catalogue, entropy: Callable[[int], bytes]) -> None:
        root = generate_signer()
        self.root = profiles.build_iaca(
            signer=root,
            country="UT",
            common_name="Utopia root",
            contact="https://utopia.example",
            crl="https://utopia.example/crl",
            not_before=MIDNIGHT,
            not_after=MIDNIGHT + timedelta(days=3650),
            entropy=entropy,
        )
        self._signers = {}
        for document_type in catalogue.types.values():
            signer = generate_signer()
            leaf = profiles.build_document_signer(
                public_key=signer.public_key,
                issuer=self.root,
                issuer_signer=root,
                common_name=f"Utopia {document_type.id}",
                crl="https://utopia.example/crl",
                not_before=MIDNIGHT,
                not_after=MIDNIGHT + timedelta(days=457),
                entropy=entropy,
            )
            self._signers[document_type.doc_type] = DocumentSigner(signer, (leaf,))
        signer = generate_signer()
        leaf = profiles.build_status_list_signer(
            public_key=signer.public_key,
            issuer=self.root,
            issuer_signer=root,
            common_name="Utopia status lists",
            crl="https://utopia.example/crl",
            not_before=MIDNIGHT,
            not_after=MIDNIGHT + timedelta(days=457),
            entropy=entropy,
        )
        self._signers[STATUS_LISTS] = DocumentSigner(signer, (leaf,))

    def signer_for(self, doc_type: str) -> DocumentSigner:
        return self._signers[doc_type]

    def trust(self) -> IssuerTrust:
        return IssuerTrust({name: (found.chain[0],) for name, found in self._signers.items()}, (self.root,))


@dataclass
class Town:
    """An issuer with its officer, on one clock."""

    store: IssuerStore = field(default_factory=MemoryIssuerStore)
    entropy: Callable[[int], bytes] = field(default_factory=Dice)
    officer: SoftwareSigner = field(default_factory=generate_signer)
    now: datetime = NOW
    catalogue: Catalogue = CATALOGUE
    url: str = URL
    log: PublicLog | None = None

    def __post_init__(self) -> None:
        self.signers = Signers(self.catalogue, self.entropy)
        self.issuer = Issuer(
            url=self.url,
            names={"en": "Utopia", "fr": "Utopie"},
            catalogue=self.catalogue,
            officers=(self.officer.public_key,),
            signers=self.signers,
            store=self.store,
            nonce_key=Secret(self.entropy(32)),
            log=self.log,
        )

    def later(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def approve(
        self,
        *,
        full: Mapping[str, CborValue] = FULL,
        booleans: Mapping[str, CborValue] = BOOLEANS,
        officer: SoftwareSigner | None = None,
        issuer: str | None = None,
        expires_in: timedelta = timedelta(days=2),
        licence_until: datetime | None = None,
        proofs_until: datetime | None = None,
    ) -> tuple[bytes, CredentialOffer, str]:
        """The officer's part: a signed order for the issuer, an offer and a transaction code for the citizen."""
        officer = officer or self.officer
        code, tx_code = new_code(self.entropy), new_tx_code(6, self.entropy)
        order = seal_order(
            full=[OrderedDocument("driving-licence", _personal(full), licence_until)],
            renewal=[OrderedDocument("proof-of-age", _personal(booleans), proofs_until)],
            code=code,
            tx_code=tx_code,
            issuer=issuer or self.url,
            officer=officer_fingerprint(officer.public_key),
            expires_at=self.now + expires_in,
            entropy=self.entropy,
        )
        offer = CredentialOffer(self.url, ("driving-licence", "proof-of-age"), code, TxCode(6))
        return sign_order(order, signer=officer).encode(), offer, tx_code.reveal().decode()

    def order(self, **more: object) -> tuple[CredentialOffer, str]:
        """An order accepted by the issuer; what the citizen walks away with."""
        signed, offer, tx_code = self.approve(**more)
        self.issuer.accept_order(signed, now=self.now)
        return offer, tx_code


def _personal(values: Mapping[str, CborValue]) -> dict[str, Personal[CborValue]]:
    return {identifier: Personal(value) for identifier, value in values.items()}


class TinyWallet:
    """Just enough of a wallet: one DPoP key, fresh device keys for each batch."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.key = generate_signer()
        self.device_keys: list[SoftwareSigner] = []
        self.current: TokenResponse | None = None

    def dpop(self, path: str, *, access_token: Secret | None = None, **changed: object) -> str:
        town = self.town
        values = {
            "htm": "POST",
            "htu": town.url + path,
            "now": town.now,
            "entropy": town.entropy,
            "nonce": town.issuer.dpop_nonce(now=town.now, entropy=town.entropy),
            "access_token": access_token,
            **changed,
        }
        signer = values.pop("signer", self.key)
        return build_proof(signer, **values)

    def tokens(self, request: TokenRequest, *, dpop: str | None = None) -> TokenResponse:
        answer = self.town.issuer.issue_tokens(
            request, dpop=dpop or self.dpop("/token"), now=self.town.now, entropy=self.town.entropy
        )
        return parse_token_response(answer.encode())

    def redeem(self, offer: CredentialOffer, tx_code: str | None, *, dpop: str | None = None) -> TokenResponse:
        typed = None if tx_code is None else Secret(tx_code.encode())
        return self.tokens(PreAuthorizedTokenRequest(offer.code, typed), dpop=dpop)

    def refresh(self, tokens: TokenResponse) -> TokenResponse:
        assert tokens.refresh_token is not None
        return self.tokens(RefreshTokenRequest(tokens.refresh_token))

    def c_nonce(self) -> str:
        return self.town.issuer.c_nonce(now=self.town.now, entropy=self.town.entropy).c_nonce

    def key_proofs(self, count: int, *, c_nonce: str | None = None, issuer: str | None = None) -> tuple[str, ...]:
        self.device_keys = [generate_signer() for _ in range(count)]
        nonce = c_nonce or self.c_nonce()
        return tuple(
            build_key_proof(key, issuer=issuer or self.town.url, c_nonce=nonce, now=self.town.now)
            for key in self.device_keys
        )

    def proofs_again(self) -> tuple[str, ...]:
        """Proofs of the same device keys as before, under a new nonce: what a wallet asks with after a failure."""
        nonce = self.c_nonce()
        return tuple(
            build_key_proof(key, issuer=self.town.url, c_nonce=nonce, now=self.town.now) for key in self.device_keys
        )

    def obtain(
        self,
        tokens: TokenResponse,
        configuration_id: str = "driving-licence",
        *,
        count: int = 2,
        proofs: Sequence[str] | None = None,
        dpop: str | None = None,
    ) -> CredentialResponse:
        request = CredentialRequest(configuration_id, tuple(proofs or self.key_proofs(count)))
        return self.town.issuer.issue_credentials(
            request,
            access_token=tokens.access_token,
            dpop=dpop or self.dpop("/credential", access_token=tokens.access_token),
            now=self.town.now,
            entropy=self.town.entropy,
        )

    def documents(self, response: CredentialResponse) -> list[tuple[IssuerSigned, PublicKey]]:
        """What was issued, with the key that each copy should be bound to."""
        keys = [key.public_key for key in self.device_keys]
        return [(parse_issuer_signed(document), key) for document, key in zip(response.credentials, keys, strict=False)]


@contextmanager
def nothing_changes(town: Town) -> Iterator[None]:
    """The issuer's memory is the same before and after."""
    store = town.store
    assert isinstance(store, MemoryIssuerStore)
    before = store.contents()
    yield
    assert store.contents() == before


@contextmanager
def refused(code: str | None = None, check: str | None = None) -> Iterator[None]:
    """An error with this standard's code and this name of the check."""
    with pytest.raises(DiptychError) as caught:
        yield
    assert code is None or caught.value.code == code
    assert check is None or caught.value.check == check


def everything_in(town: Town) -> bytes:
    """All bytes and texts that the issuer's memory holds, one after the other."""
    store = town.store
    assert isinstance(store, MemoryIssuerStore)
    found = bytearray()

    def collect(value: object) -> None:
        if isinstance(value, bytes):
            found.extend(value + b"\0")
        elif isinstance(value, str):
            found.extend(value.encode() + b"\0")
        elif isinstance(value, dict):
            for key, inner in value.items():
                collect(key)
                collect(inner)
        elif isinstance(value, list | tuple):
            for inner in value:
                collect(inner)
        elif is_dataclass(value):
            for member in fields(value):
                collect(getattr(value, member.name))

    collect(store.contents())
    return bytes(found)
