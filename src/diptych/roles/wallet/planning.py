"""Which answer a request would get: of all that this wallet could say, what reveals least.

Nothing is decided, spent or sent here; a `Plan` is what the person is shown. Making the answer is left to `presenting`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from cryptography import x509

from diptych.crypto.longfellow import Circuit, Claim, check_claims, check_tagged_item, check_tagged_mso
from diptych.errors import Refused
from diptych.formats import base64url, cbor
from diptych.formats.bbs_credential.question import NOT_REVOKED, SAME_PSEUDONYM, VALID, age_of
from diptych.formats.cbor import CborValue, FullDate
from diptych.formats.mdoc.issuer_signed import IssuerSigned, IssuerSignedItem, parse_issuer_signed
from diptych.formats.x509 import certificate
from diptych.private import Personal
from diptych.protocols.openid4vp import dcql, zk
from diptych.protocols.openid4vp.dcql import BbsMeta, ClaimQuery, CredentialQuery, MdocMeta
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.protocols.openid4vp.zk import ZkSystem
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.fast_answering import FastCandidate, fit
from diptych.roles.wallet.model import Document, Names
from diptych.roles.wallet.signers import lost_signers, signer_lost_since
from diptych.roles.wallet.values import to_json

ACCESS_DENIED = "access_denied"
FEW_COPIES_LEFT = 3


class Unanswerable(Refused):
    """The request holds and this wallet cannot answer it; `verified` says who asked what."""

    def __init__(self, reason: Refused, verified: VerifiedRequest) -> None:
        super().__init__(reason.check, reason.message, code=ACCESS_DENIED)
        self.verified = verified


class Mechanism(StrEnum):
    """How an answer is given, the least revealing first."""

    BBS = "bbs"
    """The fast suite: what is asked is proved, and nothing by which the answer is recognised; a pseudonym only here."""
    LONGFELLOW = "longfellow"
    """A zero-knowledge proof: the fact, and nothing by which the answer is recognised."""
    MDOC = "mdoc"
    """A copy with the chosen elements: its signature and key are recognised by whoever sees them again."""


@dataclass(frozen=True)
class Disclosed:
    """One element that the verifier would learn."""

    namespace: str
    identifier: str
    names: Names
    value: Personal[CborValue]
    is_kept: bool
    """The verifier says that it means to keep it (ISO 18013-5 8.3.2.1.2.1)."""


@dataclass(frozen=True)
class Disclosure:
    """The planned answer to one credential query. `withheld` names what the document says and they do not learn."""

    query_id: str
    document: Document
    mechanism: Mechanism
    learned: tuple[Disclosed, ...]
    withheld: tuple[Names, ...]
    copies_left: int
    """Unspent copies after this answer."""
    circuit: tuple[ZkSystem, Circuit] | None = None
    fast: FastCandidate | None = None


@dataclass(frozen=True)
class Plan:
    """A request that holds, and the least revealing way to answer it. Nothing is decided yet."""

    verified: VerifiedRequest
    disclosures: tuple[Disclosure, ...]
    is_fallback: bool
    """The verifier would take a zero-knowledge proof, and this wallet can only give a recognisable answer."""

    @property
    def mechanism(self) -> Mechanism:
        """The most revealing mechanism in the answer."""
        order = list(Mechanism)
        return max((found.mechanism for found in self.disclosures), key=order.index)

    @property
    def runs_low(self) -> bool:
        """Whether few single-use copies are left after this."""
        return any(
            found.mechanism is Mechanism.MDOC and found.copies_left <= FEW_COPIES_LEFT for found in self.disclosures
        )


@dataclass(frozen=True)
class _Candidate:
    """A document that could answer a query, and the claims that it would answer with."""

    document: Document
    issuer_signed: IssuerSigned
    claims: tuple[ClaimQuery, ...]
    circuit: tuple[ZkSystem, Circuit] | None


def make_plan(contents: Contents, verified: VerifiedRequest, *, now: datetime) -> Plan:
    """The least revealing answer that this wallet can give; `Unanswerable` naming what stands in the way."""
    candidates: dict[str, _Candidate | FastCandidate] = {}
    obstacles: list[Refused] = []
    for credential in verified.query.credentials:
        try:
            candidates[credential.id] = (
                fit(contents, credential, credential.meta, now)
                if isinstance(credential.meta, BbsMeta)
                else _candidate(contents, credential, now)
            )
        except Refused as error:
            obstacles.append(error)
    try:
        chosen = dcql.choose(
            verified.query,
            can_answer=lambda credential: credential.id in candidates,
            cost=lambda credential: _cost(credential, candidates[credential.id]),
        )
    except Refused as error:
        raise Unanswerable(obstacles[0] if obstacles else error, verified) from error
    ids = {credential.id for credential in chosen}
    is_plain = any(credential.format == dcql.MDOC for credential in chosen)
    is_fallback = is_plain and any(
        credential.format in (dcql.BBS, dcql.MDOC_ZK) and credential.id not in ids
        for credential in verified.query.credentials
    )
    plain_so_far: dict[str, int] = {}
    disclosures = []
    for credential in chosen:
        found = candidates[credential.id]
        if credential.format == dcql.MDOC:
            plain_so_far[found.document.id] = plain_so_far.get(found.document.id, 0) + 1
        left = _unspent(contents, found.document) - plain_so_far.get(found.document.id, 0)
        if left < 0:
            raise Unanswerable(exhausted(), verified)
        disclosures.append(
            _fast_disclosure(credential, found, left)
            if isinstance(found, FastCandidate)
            else _disclosure(credential, found, left)
        )
    return Plan(verified, tuple(disclosures), is_fallback)


def _cost(credential: CredentialQuery, candidate: _Candidate | FastCandidate) -> int:
    """How much an answer reveals: any proof less than any plain copy, then the fewer elements the better.

    Of proofs, the fast suite's first: it says what is true today, and needs nothing but what is asked.
    """
    if isinstance(candidate, FastCandidate):
        return len(candidate.question.disclosed) + candidate.question.asks_pseudonym
    proof = credential.format == dcql.MDOC_ZK
    return len(candidate.claims) + (1 if proof else 2) * (dcql.MAX_CLAIMS + 1)


def _candidate(contents: Contents, credential: CredentialQuery, now: datetime) -> _Candidate:
    """The newest valid document that answers the query in its own format; `Refused` naming what stands in the way."""
    if not isinstance(credential.meta, MdocMeta):
        raise Refused("wallet.format", "the verifier asks for a format that is not known here", code=ACCESS_DENIED)
    doc_type = credential.meta.doctype_value
    named = doc_type if doc_type.isprintable() else "that is asked for"
    obstacle = Refused("wallet.no_document", f"this wallet has no document of the type {named}", code=ACCESS_DENIED)
    for document in contents.documents():
        if document.doc_type != doc_type:
            continue
        if not document.is_valid(now):
            obstacle = Refused("wallet.document_expired", "the document asked for is not valid now", code=ACCESS_DENIED)
            continue
        try:
            return _fit(contents, document, credential, credential.meta, now)
        except Refused as error:
            obstacle = error
    raise obstacle


def _fit(
    contents: Contents, document: Document, credential: CredentialQuery, meta: MdocMeta, now: datetime
) -> _Candidate:
    copies = contents.copies(document.id)
    is_plain = credential.format == dcql.MDOC
    copy = next((copy for copy in copies if not (is_plain and copy.is_spent)), None)
    if copy is None:
        raise exhausted()
    issuer_signed = parse_issuer_signed(copy.issuer_signed.reveal())
    if signer_lost_since(issuer_signed, lost_signers(contents)) is not None:
        raise Refused(
            "wallet.signer_lost",
            "the issuer lost the key that signed this document: renew it, or ask for a new one at the counter",
            code=ACCESS_DENIED,
        )
    if not dcql.check_authorities(credential, _authorities(issuer_signed)):
        raise Refused("wallet.authority", "the document is not from an authority that is asked for", code=ACCESS_DENIED)
    held: dict[dcql.Path, object] = {
        (namespace, item.element_identifier): to_json(item.element_value.reveal())
        for namespace, items in issuer_signed.namespaces.items()
        for item in items
    }
    claims = dcql.selected_claims(credential, held)
    if claims is None:
        raise Refused("wallet.claims", "the document does not say what is asked", code=ACCESS_DENIED)
    circuit = None if is_plain else _circuit(issuer_signed, claims, meta, now)
    return _Candidate(document, issuer_signed, claims, circuit)


def _circuit(
    issuer_signed: IssuerSigned, claims: Sequence[ClaimQuery], meta: MdocMeta, now: datetime
) -> tuple[ZkSystem, Circuit]:
    """The circuit with which these claims can be proven, or `Refused`: told before anybody is asked to agree."""
    chosen = zk.choose(meta.zk_systems, num_claims=len(claims), now=now)
    items = [_item(issuer_signed, claim) for claim in claims]
    check_claims(
        [Claim(namespace, item.element_identifier, item.encoded_value().reveal()) for namespace, item in items]
    )
    for _, item in items:
        check_tagged_item(cbor.encode(item.encoded))
    check_tagged_mso(issuer_signed.issuer_auth.unverified_payload or b"", version=chosen[1].version)
    return chosen


def _fast_disclosure(credential: CredentialQuery, found: FastCandidate, copies_left: int) -> Disclosure:
    disclosed = found.disclosed()
    learned = [
        Disclosed("", phrase, _PHRASES.get(phrase) or _age_names(phrase), Personal(True), is_kept=False)
        for phrase in found.question.phrases
    ]
    for claim in credential.claims:
        name = str(claim.path[0])
        value = disclosed[name]
        learned.append(
            Disclosed(
                "",
                name,
                _fast_names(found.document, name),
                Personal(FullDate.of(value) if isinstance(value, date) else value),
                claim.intent_to_retain is True,
            )
        )
    told = set(found.question.disclosed)
    return Disclosure(
        query_id=credential.id,
        document=found.document,
        mechanism=Mechanism.BBS,
        learned=tuple(learned),
        withheld=tuple(names for (_, name), names in found.document.claim_names.items() if name not in told),
        copies_left=copies_left,
        fast=found,
    )


_PHRASES = {
    VALID: {"en": "valid today", "fr": "valable aujourd'hui"},
    NOT_REVOKED: {"en": "not revoked", "fr": "non révoqué"},
    SAME_PSEUDONYM: {
        "en": "that you are the same person as last time, here and nowhere else",
        "fr": "que vous êtes la même personne que la dernière fois, ici et nulle part ailleurs",
    },
}


def _age_names(phrase: str) -> Names:
    age = age_of(phrase)
    return {"en": f"at least {age} years old today", "fr": f"{age} ans révolus aujourd'hui"}


def _fast_names(document: Document, name: str) -> Names:
    return next((names for (_, known), names in document.claim_names.items() if known == name), {"": name})


def _disclosure(credential: CredentialQuery, found: _Candidate, copies_left: int) -> Disclosure:
    learned = tuple(
        Disclosed(
            namespace,
            item.element_identifier,
            _names(found.document, namespace, item.element_identifier),
            item.element_value,
            claim.intent_to_retain is True,
        )
        for claim, (namespace, item) in ((claim, _item(found.issuer_signed, claim)) for claim in found.claims)
    )
    told = {(element.namespace, element.identifier) for element in learned}
    withheld = tuple(
        _names(found.document, namespace, item.element_identifier)
        for namespace, items in found.issuer_signed.namespaces.items()
        for item in items
        if (namespace, item.element_identifier) not in told
    )
    is_plain = credential.format == dcql.MDOC
    return Disclosure(
        query_id=credential.id,
        document=found.document,
        mechanism=Mechanism.MDOC if is_plain else Mechanism.LONGFELLOW,
        learned=learned,
        withheld=withheld,
        copies_left=copies_left,
        circuit=found.circuit,
    )


def _item(issuer_signed: IssuerSigned, claim: ClaimQuery) -> tuple[str, IssuerSignedItem]:
    namespace, identifier = claim.path[0], claim.path[1]
    item = issuer_signed.item(str(namespace), str(identifier))
    if item is None:
        raise Refused("wallet.claims", "the document does not say what is asked", code=ACCESS_DENIED)
    return str(namespace), item


def _names(document: Document, namespace: str, identifier: str) -> Names:
    return document.claim_names.get((namespace, identifier)) or {"": identifier}


def _unspent(contents: Contents, document: Document) -> int:
    return sum(not copy.is_spent for copy in contents.copies(document.id))


def _authorities(issuer_signed: IssuerSigned) -> tuple[str, ...]:
    """Authority key identifiers of the signer, base64url (OpenID4VP 1.0, 6.1.1.1)."""
    leaf = certificate.parse(issuer_signed.issuer_auth.x5chain()[0])
    try:
        found = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ()
    return () if found is None else (base64url.encode(found),)


def exhausted() -> Refused:
    """No copy is left that was not shown already, or may have been before a backup was restored."""
    return Refused(
        "wallet.copies_exhausted",
        "no copy of this document is left that was surely never shown: renew it, or ask for a new one",
        code=ACCESS_DENIED,
    )
