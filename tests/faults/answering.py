"""A wallet that fetches a verifier's request and keeps its answer, so that it can be sent again as it was."""

import os
from datetime import UTC, datetime

from diptych.adapters.http.relying_party import Outcome, Question, RelyingParty
from diptych.adapters.provers.prover import DisposableProver
from diptych.crypto.longfellow import Claim, circuit_for
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import Unavailable
from diptych.formats import cbor
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issuer_signed import IssuerSigned, parse_issuer_signed
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.zk_document import ZkDocument
from diptych.formats.x509 import certificate
from diptych.private import Personal
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vci.credential import CredentialRequest, parse_credential_response
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.protocols.openid4vp import registration, request_object, response
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from tests.faults.issuing import LINE, Citizen, Said
from tests.faults.town import Town
from tests.issuer_process import HttpWallet

POLICY = "identity_name"
DOC_TYPE = "org.iso.18013.5.1.mDL"
NAMESPACE = "org.iso.18013.5.1"
AGE = "eu.europa.ec.av.1"


class Holder:
    """A licence, a proof of age and their device key, from a real issuer."""

    def __init__(self, town: Town) -> None:
        citizen = Citizen(town)
        citizen.takes(citizen.order.send())
        citizen.takes(citizen.redeems().send())
        self.device: SoftwareSigner = generate_signer()
        self.licence = self._document(citizen, "driving-licence")
        self.age = self._document(citizen, "proof-of-age")
        trust = (town.verifier.folder / "verifier-trust.json").read_bytes()
        self.trust = registration.parse_trust(trust)

    def _document(self, citizen: Citizen, configuration_id: str) -> IssuerSigned:
        assert citizen.tokens is not None
        wallet: HttpWallet = citizen.wallet
        c_nonce, nonce = wallet.nonces()
        proof = build_key_proof(self.device, issuer=wallet.url, c_nonce=c_nonce, now=datetime.now(UTC))
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"DPoP {citizen.tokens.access_token.reveal().decode()}",
            "DPoP": wallet.dpop("/credential", nonce, citizen.tokens.access_token),
        }
        body = CredentialRequest(configuration_id, (proof,)).encode()
        answer = LINE.post(wallet.url + "/credential", content=body, headers=headers)
        return parse_issuer_signed(parse_credential_response(answer.content).credentials[0])

    def fetches(self, link: str) -> "Fetch":
        return Fetch(self, link)

    def answers(self, verified: VerifiedRequest) -> Said:
        document = present(
            self.licence,
            doc_type=DOC_TYPE,
            disclose={NAMESPACE: ["family_name", "given_name"]},
            transcript=verified.transcript(),
            device_signer=self.device,
        )
        return self._answer(verified, DOC_TYPE, DeviceResponse(documents=(document,)))

    def proves(self, verified: VerifiedRequest) -> ZkDocument:
        """That its holder is over 18, for this request."""
        document = present(
            self.age,
            doc_type=AGE,
            disclose={AGE: ["age_over_18"]},
            transcript=verified.transcript(),
            device_signer=self.device,
        )
        now = datetime.now(UTC)
        claim = Claim(AGE, "age_over_18", cbor.encode(True))
        circuit, chain = circuit_for(1, now=now), self.age.issuer_auth.x5chain()
        timestamp = now.replace(second=0, microsecond=0)
        proof = DisposableProver().prove(
            document=DeviceResponse(documents=(document,)).encode(),
            issuer_key=certificate.public_key(certificate.parse(chain[0])),
            transcript=verified.transcript(),
            claims=[claim],
            timestamp=timestamp,
            zk_system_id=circuit.zk_system_id,
        )
        claims = {AGE: {claim.identifier: Personal(claim.encoded_value)}}
        return ZkDocument(AGE, circuit.zk_system_id, timestamp, claims, proof, chain)

    def answers_with(self, verified: VerifiedRequest, proven: ZkDocument) -> Said:
        """The proof as an answer to this request, whichever it was made for."""
        return self._answer(verified, AGE, DeviceResponse(zk_documents=(proven,)))

    def _answer(self, verified: VerifiedRequest, doc_type: str, found: DeviceResponse) -> Said:
        (query_id,) = [query.id for query in verified.request.query.credentials if query.meta.doctype_value == doc_type]
        body = encode_form(response.build(verified, {query_id: [found.encode()]}))
        return Said(verified.request.response_uri, body, {"Content-Type": FORM})

    def declines(self, verified: VerifiedRequest) -> Said:
        body = encode_form(response.build_error(verified, "access_denied"))
        return Said(verified.request.response_uri, body, {"Content-Type": FORM})


class Fetch:
    """One fetching of a request."""

    def __init__(self, holder: Holder, link: str) -> None:
        found = request_object.parse_link(link)
        self._holder = holder
        self._client_id = found.client_id
        self._wallet_nonce = request_object.fresh(os.urandom)
        body = encode_form(request_object.encode_fetch(self._wallet_nonce))
        self.said = Said(found.request_uri, body, {"Content-Type": FORM})

    def verified(self, compact: str) -> VerifiedRequest:
        return request_object.verify(
            compact,
            expected_client_id=self._client_id,
            expected_wallet_nonce=self._wallet_nonce,
            trust=self._holder.trust,
            now=datetime.now(UTC),
        )


class Asking:
    """One question, from the asking to the answer, as far as a test takes it."""

    def __init__(self, town: Town, holder: Holder, policy: str = POLICY) -> None:
        self._holder = holder
        self._policy = policy
        self._relying_party: RelyingParty = town.relying_party()
        self.question: Question | None = None
        self.request: VerifiedRequest | None = None

    def ask(self) -> bool:
        """Whether the verifier answered."""
        try:
            self.question = self._relying_party.ask(self._policy)
        except Unavailable:
            return False
        return True

    def fetch(self) -> Fetch:
        assert self.question is not None
        return self._holder.fetches(self.question.link)

    def fetch_now(self) -> None:
        fetch = self.fetch()
        answer = fetch.said.send()
        assert answer is not None
        self.request = fetch.verified(answer.text)

    def answer(self) -> Said:
        assert self.request is not None
        return self._holder.answers(self.request)

    def decline(self) -> Said:
        assert self.request is not None
        return self._holder.declines(self.request)

    def outcome(self, *, wait_seconds: int = 0) -> Outcome:
        assert self.question is not None
        return self._relying_party.outcome(self.question.id, self.question.secret, wait_seconds=wait_seconds)

    def to_the_end(self) -> Outcome:
        """Asked, fetched, answered, and read."""
        assert self.ask()
        self.fetch_now()
        answer = self.answer().send()
        assert answer is not None
        assert answer.status_code == 200, answer.text
        return self.outcome()
