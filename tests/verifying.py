"""A verifier in memory, an issuer whose documents it believes, and a holder who answers: well, or in any wrong way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from diptych.adapters.policy_files import load_policies
from diptych.crypto.longfellow import circuit_for
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats import cbor
from diptych.formats.cbor import CborValue
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issue import issue
from diptych.formats.mdoc.issuer_signed import IssuerSigned
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.formats.mdoc.zk_document import ZkDocument
from diptych.formats.x509 import profiles
from diptych.private import Personal
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import registration, request_object, response
from diptych.protocols.openid4vp.registration import Registration
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.roles.verifier.fakes import FakeProofVerifier, MemoryVerifierStore
from diptych.roles.verifier.policy import Policy
from diptych.roles.verifier.ports import ProofVerifier, VerifierStore
from diptych.roles.verifier.service import Asked, Result, Verifier, VerifierParty
from tests.protocols import openid4vp_parties as parties
from tests.protocols.openid4vp_parties import NOW, Authority, counting

AV = "eu.europa.ec.av.1"
DRIVE = "example.utopia.driving_entitlement.1"
PID = "eu.europa.ec.eudi.pid.1"
PERMIT = "example.utopia.residence_permit.1"
URL = "https://verifier.example"
POLICIES = load_policies()
FAKE_PROOF = bytes(361_000)

ISSUERS = Authority.named("Issuing authority of Utopia")


@dataclass(frozen=True)
class DocumentSigner:
    """A key that signs documents of one type, and its certificate."""

    signer: SoftwareSigner = field(repr=False)
    leaf: bytes

    @classmethod
    def certified(cls, *, expires: datetime = NOW + timedelta(days=200)) -> "DocumentSigner":
        signer = generate_signer()
        leaf = profiles.build_document_signer(
            public_key=signer.public_key,
            issuer=ISSUERS.root,
            issuer_signer=ISSUERS.signer,
            common_name="Signer of Utopia",
            crl="https://authority.example/crl",
            not_before=NOW - timedelta(days=20),
            not_after=expires,
            entropy=counting(),
        )
        return cls(signer, leaf)

    def issue(
        self, doc_type: str, elements: Mapping[str, CborValue], *, namespace: str | None = None
    ) -> "HeldDocument":
        device = generate_signer()
        issued = issue(
            doc_type=doc_type,
            namespaces={namespace or doc_type: elements},
            device_key=device.public_key,
            signer=self.signer,
            signer_chain=[self.leaf],
            signed=NOW - timedelta(days=1),
            valid_from=NOW - timedelta(days=1),
            valid_until=NOW + timedelta(days=13),
            entropy=counting(),
        )
        return HeldDocument(doc_type, issued, device, self)


@dataclass(frozen=True)
class HeldDocument:
    """A document and its device key."""

    doc_type: str
    issued: IssuerSigned
    device: SoftwareSigner = field(repr=False)
    signer: DocumentSigner


AGE_SIGNER = DocumentSigner.certified()
DRIVE_SIGNER = DocumentSigner.certified()
PID_SIGNER = DocumentSigner.certified()
PERMIT_SIGNER = DocumentSigner.certified()
TRUST = IssuerTrust(
    {
        AV: (AGE_SIGNER.leaf,),
        DRIVE: (DRIVE_SIGNER.leaf,),
        PID: (PID_SIGNER.leaf,),
        PERMIT: (PERMIT_SIGNER.leaf,),
    },
    (ISSUERS.root,),
)
ADULT = AGE_SIGNER.issue(AV, {"age_over_18": True})
DRIVER = DRIVE_SIGNER.issue(DRIVE, {"category_B_valid": True, "category_A_valid": False})
PERSON = PID_SIGNER.issue(PID, {"family_name": "Mustermann", "given_name": "Erika", "nationality": "UT"})


def party(policies: Mapping[str, Policy] = POLICIES) -> VerifierParty:
    uses = tuple(policy.registered_use() for policy in policies.values())
    registered = Registration(parties.CLIENT_ID, uses, NOW - timedelta(days=1), NOW + timedelta(days=30))
    return VerifierParty(parties.VERIFIER, (parties.LEAF,), registration.sign(registered, signer=parties.REGISTRAR))


@dataclass
class Town:
    """A verifier and whoever speaks with it, at a time that tests set."""

    policies: Mapping[str, Policy] = field(default_factory=lambda: POLICIES)
    trust: IssuerTrust = TRUST
    store: VerifierStore = field(default_factory=MemoryVerifierStore)
    proofs: ProofVerifier = field(default_factory=FakeProofVerifier)
    now: datetime = NOW
    checks_a_minute: int = 300
    url: str = URL

    def __post_init__(self) -> None:
        self.verifier = Verifier(
            url=self.url,
            party=party(self.policies),
            policies=self.policies,
            trust=self.trust,
            store=self.store,
            proofs=self.proofs,
            entropy=counting(),
            stopwatch=iter(range(10**6)).__next__,
            checks_a_minute=self.checks_a_minute,
        )

    def ask(self, policy: str = "over_18", **more: Any) -> Asked:
        return self.verifier.ask(policy, now=self.now, **more)

    def fetch(self, asked: Asked, *, wallet_nonce: str = parties.WALLET_NONCE) -> VerifiedRequest:
        """The wallet fetches the request and believes it."""
        link = request_object.parse_link(asked.link)
        body = encode_form(request_object.encode_fetch(wallet_nonce))
        compact = self.verifier.serve_request(asked.id, body, now=self.now)
        return request_object.verify(
            compact,
            expected_client_id=link.client_id,
            expected_wallet_nonce=wallet_nonce,
            trust=parties.TRUST,
            now=self.now,
        )

    def post(self, asked: Asked, body: bytes) -> str | None:
        return self.verifier.take_answer(asked.id, body, now=self.now)

    def result(self, asked: Asked, **more: Any) -> Result:
        return self.verifier.result(asked.secret, now=self.now, **more)


def answer(verified: VerifiedRequest, query_id: str, presentation: bytes) -> bytes:
    """The form body with one presentation."""
    return encode_form(response.build(verified, {query_id: [presentation]}))


def zk_document(
    document: HeldDocument = ADULT, claims: Mapping[str, CborValue] | None = None, **changes: Any
) -> ZkDocument:
    """What a wallet sends instead of the document; the proof itself is only a proof's size."""
    values = {"age_over_18": True} if claims is None else claims
    found = ZkDocument(
        doc_type=document.doc_type,
        zk_system_id=circuit_for(len(values), now=NOW).zk_system_id,
        timestamp=NOW,
        claims={document.doc_type: {name: Personal(cbor.encode(value)) for name, value in values.items()}},
        proof=FAKE_PROOF,
        signer_chain=(document.signer.leaf,),
    )
    return replace(found, **changes)


def proven(verified: VerifiedRequest, *, query_id: str = "0-longfellow", **changes: Any) -> bytes:
    """A zero-knowledge answer, as `zk_document` makes it."""
    return answer(verified, query_id, DeviceResponse(zk_documents=(zk_document(**changes),)).encode())


def shown(
    verified: VerifiedRequest,
    document: HeldDocument,
    *identifiers: str,
    query_id: str = "0-mdoc",
    transcript: bytes | None = None,
    change: Callable[[DeviceResponse], DeviceResponse] = lambda found: found,
) -> bytes:
    """A plain answer with these elements."""
    namespace = next(iter(document.issued.namespaces))
    presented = present(
        document.issued,
        doc_type=document.doc_type,
        disclose={namespace: identifiers},
        transcript=verified.transcript() if transcript is None else transcript,
        device_signer=document.device,
    )
    return answer(verified, query_id, change(DeviceResponse(documents=(presented,))).encode())
