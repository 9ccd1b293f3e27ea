"""Whether an answer is true, was asked for, and is the one that the policy wants.

Everything that can be said without native code is said first. Keeping the verdict is left to `service`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from diptych.crypto import longfellow
from diptych.crypto.longfellow import Claim
from diptych.crypto.signing import SoftwareSigner
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.bbs_credential.epoch import Epoch
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.formats.mdoc.device_response import DeviceResponse, Document, parse_device_response
from diptych.formats.mdoc.trust import IssuerTrust, verify_signer
from diptych.formats.mdoc.verify import verify_document
from diptych.formats.mdoc.zk_document import ZkDocument
from diptych.formats.status_list.reference import StatusReference
from diptych.private import Personal
from diptych.protocols.openid4vp import dcql
from diptych.protocols.openid4vp.response import Response
from diptych.roles.verifier.fast_answer import ExpectedFast, FastCheck
from diptych.roles.verifier.policy import Alternative, Mechanism, Policy
from diptych.roles.verifier.ports import ProofVerifier


@dataclass(frozen=True)
class FastExpectation:
    """Keys, epochs that are accepted now, the day asked about, who we are to pseudonyms, and how it is checked."""

    trust: FastSuiteTrust | None
    epochs: Sequence[Epoch]
    day: date
    scope: str
    check: FastCheck = field(repr=False)


@dataclass(frozen=True)
class Expected:
    """What the verifier expects, all of it from its own side."""

    policy: Policy
    transcript: bytes = field(repr=False)
    trust: IssuerTrust
    reader_key: SoftwareSigner = field(repr=False)
    now: datetime
    check_status: Callable[[StatusReference], None] | None = field(default=None, repr=False)
    """Raises unless the document there stands. Without it, none that names a status is believed."""
    fast: FastExpectation | None = None
    """What the fast suite's answers are checked against; None where the policy does not take them."""


@dataclass(frozen=True)
class VerifiedAnswer:
    """An answer that holds. `revealed` has what the policy asked to see, CBOR by identifier, and nothing else."""

    mechanism: Mechanism
    revealed: Mapping[str, Personal[bytes]]
    size: int


def verify_answer(
    unverified: Response, expected: Expected, *, proofs: ProofVerifier, admit: Callable[[], None]
) -> VerifiedAnswer:
    """The proven answer, or the error that names what does not hold.

    1. It answers the question: one of the alternatives asked for, in one presentation.
    2. The presentation is one document, of the kind that this alternative asks for.
    3. The document is believed: `_verify_proof`, `_verify_shown`.
    """
    # 1. OpenID4VP 1.0, 8.6: what was returned satisfies what was asked, checked on our side (14.8).
    policy = expected.policy
    answers = policy.answers()
    dcql.check_answered(policy.query(now=expected.now), unverified.presentations)
    if len(unverified.presentations) != 1:
        raise VerificationError("presentation.alternatives", "one alternative was asked for, more were answered")
    ((query_id, (presentation,)),) = unverified.presentations.items()
    alternative, mechanism = answers[query_id]
    if mechanism is Mechanism.BBS:
        return VerifiedAnswer(mechanism, _verify_fast(presentation, alternative, expected, admit), len(presentation))
    # 2.
    response = parse_device_response(presentation)
    # 3.
    if mechanism is Mechanism.LONGFELLOW:
        zk_document = _only_proof(response, zk_required=policy.zk_required)
        revealed = _verify_proof(zk_document, alternative, expected, proofs=proofs, admit=admit)
    else:
        revealed = _verify_shown(_only_document(response), alternative, expected, admit=admit)
    return VerifiedAnswer(mechanism, revealed, len(presentation))


def _verify_fast(
    presentation: bytes, alternative: Alternative, expected: Expected, admit: Callable[[], None]
) -> Mapping[str, Personal[bytes]]:
    fast = expected.fast
    if fast is None:
        raise VerificationError("presentation.format", "no answer of the fast suite was asked for here")
    admit()
    return fast.check(
        presentation,
        ExpectedFast(
            policy=expected.policy.id,
            alternative=alternative,
            day=fast.day,
            scope=fast.scope,
            transcript=expected.transcript,
            trust=fast.trust,
            epochs=fast.epochs,
        ),
    )


def _only_proof(response: DeviceResponse, *, zk_required: bool) -> ZkDocument:
    if response.documents and zk_required:
        raise Refused("zk.required", "the question must be answered in zero knowledge; a plain document was sent")
    if len(response.zk_documents) != 1 or response.documents:
        raise VerificationError("presentation.format", "exactly one proof was asked for here")
    return response.zk_documents[0]


def _only_document(response: DeviceResponse) -> Document:
    if len(response.documents) != 1 or response.zk_documents:
        raise VerificationError("presentation.format", "exactly one document was asked for here")
    return response.documents[0]


def _verify_proof(
    unverified: ZkDocument,
    alternative: Alternative,
    expected: Expected,
    *,
    proofs: ProofVerifier,
    admit: Callable[[], None],
) -> dict[str, Personal[bytes]]:
    """The values that a proof reveals, once all of this holds:

    1. It says it is of the docType and namespace asked for, and holds exactly the claims asked for.
    2. Expected values are the expected ones, to the byte.
    3. Its moment, which the circuit compares to the second, is now.
    4. Its circuit is in the allow-list, has not expired, and is for that many claims.
    5. Its size is one that a proof can have.
    6. Its signer is pinned for this docType: circuits bind neither docType nor namespace, so the leaf stands for both.
    7. There is room to check it now.
    8. It proves our constants: docType, namespace and identifiers of the policy, and our own transcript.
    """
    # 1.
    if unverified.doc_type != alternative.doc_type:
        raise VerificationError("zk.doc_type", "the proof is about another type of document than the one asked for")
    if set(unverified.claims) != {alternative.namespace}:
        raise VerificationError("zk.namespace", "the proof is about another namespace than the one asked for")
    values = unverified.claims[alternative.namespace]
    asked = {claim.identifier: claim for claim in alternative.claims}
    if set(values) != set(asked):
        raise VerificationError("zk.claims", "the proof is about other claims than those asked for")
    # 2.
    for claim in alternative.claims:
        if claim.encoded_value is not None and values[claim.identifier].reveal() != claim.encoded_value:
            raise Refused("policy.value", f"{claim.identifier} does not have the value that the policy asks for")
    # 3.
    if abs(unverified.timestamp - expected.now) > expected.policy.max_skew:
        raise VerificationError("zk.skew", "the moment of the proof is too far from now: check the wallet's clock")
    # 4.
    circuit = longfellow.circuit_by_id(unverified.zk_system_id, now=expected.now)
    if circuit.attributes != len(alternative.claims):
        raise VerificationError("zk.circuit_claims", "the proof's circuit is for another number of claims")
    # 5.
    longfellow.check_proof_size(unverified.proof)
    # 6.
    signer = verify_signer(
        unverified.signer_chain, expected_doc_type=alternative.doc_type, trust=expected.trust, now=expected.now
    )
    # 7.
    admit()
    # 8.
    proofs.verify(
        issuer_key=signer.public_key,
        transcript=expected.transcript,
        # In the order of the proof, which is part of what it proves; the names are ours (step 1 found them equal).
        claims=[Claim(alternative.namespace, asked[name].identifier, value.reveal()) for name, value in values.items()],
        timestamp=unverified.timestamp,
        proof=unverified.proof,
        doc_type=alternative.doc_type,
        zk_system_id=circuit.zk_system_id,
    )
    return {claim.identifier: values[claim.identifier] for claim in alternative.claims if claim.encoded_value is None}


def _verify_shown(
    unverified: Document, alternative: Alternative, expected: Expected, *, admit: Callable[[], None]
) -> dict[str, Personal[bytes]]:
    """The values shown, once all of this holds:

    1. There is room to check it now.
    2. The document is believed (`mdoc.verify`): signer pinned for the docType, digests, dates, device, our transcript,
       and its status, if it has one.
    3. It shows exactly what was asked for: what was not asked for is not wanted either.
    4. Expected values are the expected ones, to the byte.
    """
    # 1.
    admit()
    # 2.
    document = verify_document(
        unverified,
        transcript=expected.transcript,
        trust=expected.trust,
        expected_doc_type=alternative.doc_type,
        now=expected.now,
        reader_key=expected.reader_key,
        check_status=expected.check_status,
    )
    # 3. Device-signed elements are the wallet's own word, and never asked for.
    wanted = {(alternative.namespace, claim.identifier) for claim in alternative.claims}
    if set(document.claims) != wanted or document.device_claims:
        raise VerificationError("mdoc.claims", "the document shows other elements than those asked for")
    # 4.
    revealed: dict[str, Personal[bytes]] = {}
    for claim in alternative.claims:
        encoded = cbor.encode(document.claims[alternative.namespace, claim.identifier].reveal())
        if claim.encoded_value is None:
            revealed[claim.identifier] = Personal(encoded)
        elif encoded != claim.encoded_value:
            raise Refused("policy.value", f"{claim.identifier} does not have the value that the policy asks for")
    return revealed


def json_value(encoded: bytes) -> str | int | bool:
    """A revealed CBOR value as JSON (RFC 8949 6.1), for handing over; `FormatError` for what has no plain form."""
    value = cbor.decode(encoded)
    if isinstance(value, cbor.FullDate | cbor.TDate):
        return value.text
    if isinstance(value, str | int):
        return value
    raise FormatError("presentation.value", "the value has no plain JSON form")
