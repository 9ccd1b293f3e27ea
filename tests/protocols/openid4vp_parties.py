"""A verifier with its access certificate and registration, and the wallet's trust in both, for tests."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats.x509 import profiles
from diptych.protocols.openid4vp import dcql, registration, request_object, zk
from diptych.protocols.openid4vp.dcql import ClaimQuery, CredentialQuery, CredentialSet, MdocMeta, Query
from diptych.protocols.openid4vp.registration import (
    LocalizedText,
    RegisteredClaims,
    RegisteredUse,
    Registration,
    VerifierTrust,
)
from diptych.protocols.openid4vp.request_object import PresentationRequest

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
AV = "eu.europa.ec.av.1"
RESPONSE_URI = "https://verifier.example/responses/1"
WALLET_NONCE = "wallet-nonce-0123456789"


def counting() -> Entropy:
    """Bytes that differ at every call and are the same in every run."""
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@dataclass(frozen=True)
class Authority:
    """A root and its key."""

    signer: SoftwareSigner
    root: bytes

    @classmethod
    def named(cls, name: str) -> "Authority":
        signer = generate_signer()
        root = profiles.build_iaca(
            signer=signer,
            country="UT",
            common_name=name,
            contact="https://authority.example",
            crl="https://authority.example/crl",
            not_before=NOW - timedelta(days=30),
            not_after=NOW + timedelta(days=900),
            entropy=counting(),
        )
        return cls(signer, root)

    def reader(self, holder: SoftwareSigner, *, name: str = "Café Utopia", expires: datetime | None = None) -> bytes:
        return profiles.build_reader(
            public_key=holder.public_key,
            issuer=self.root,
            issuer_signer=self.signer,
            common_name=name,
            crl="https://authority.example/crl",
            not_before=NOW - timedelta(days=20),
            not_after=expires or NOW + timedelta(days=300),
            entropy=counting(),
        )


ACCESS = Authority.named("Access authority of Utopia")
REGISTRAR = generate_signer()
VERIFIER = generate_signer()
LEAF = ACCESS.reader(VERIFIER)
CLIENT_ID = request_object.client_id(LEAF)
TRUST = VerifierTrust((ACCESS.root,), (REGISTRAR.public_key,))
ENCRYPTION = generate_signer()

AGE = CredentialQuery(
    "proof", zk.FORMAT, MdocMeta(AV, zk.offer(1, now=NOW)), (ClaimQuery((AV, "age_over_18"), intent_to_retain=False),)
)
AGE_PLAIN = CredentialQuery("plain", dcql.MDOC, MdocMeta(AV), AGE.claims)
QUERY = Query((AGE, AGE_PLAIN), (CredentialSet((("proof",), ("plain",))),))
OVER_18 = RegisteredUse(
    "over_18",
    LocalizedText("Over 18", "Majorité"),
    LocalizedText("To sell alcohol", "Pour vendre de l’alcool"),
    (RegisteredClaims(AV, AV, ("age_over_18",)),),
)


def registered(use: RegisteredUse = OVER_18, *, subject: str = CLIENT_ID) -> Registration:
    return Registration(subject, (use,), NOW - timedelta(days=1), NOW + timedelta(days=30))


def certificate_of(registration_: Registration, signer: SoftwareSigner = REGISTRAR) -> str:
    return registration.sign(registration_, signer=signer)


def request(
    *, query: Query = QUERY, compact: str | None = None, use: str | None = "over_18", client_id: str = CLIENT_ID
) -> PresentationRequest:
    return PresentationRequest(
        client_id=client_id,
        response_uri=RESPONSE_URI,
        nonce="nonce-0123456789abcdef",
        query=query,
        encryption_key=ENCRYPTION.public_key,
        encryption_kid="kid-1",
        state="state-0123456789abcdef",
        wallet_nonce=WALLET_NONCE,
        issued=NOW,
        expires=NOW + timedelta(minutes=5),
        registration=certificate_of(registered()) if compact is None else compact,
        use=use,
    )


def signed(presentation_request: PresentationRequest | None = None) -> str:
    return request_object.sign(presentation_request or request(), signer=VERIFIER, chain=[LEAF])
