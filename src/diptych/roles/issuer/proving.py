"""Credentials of the fast suite, from the same order and beside the mdoc: signed blindly, and revocable by epoch.

The holder secret stays the holder's: what comes is a commitment, and the first one of an order binds every later one,
so that a renewal is on the same secret and nobody grows a second pseudonym. Who may ask, and for which document, is
decided before, in `service`; which ids stand, when an epoch is published.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from diptych.crypto.bls12381 import encode_scalar, parse_nonzero_scalar, random_scalars
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.credential import issue
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import bbs_credential
from diptych.formats.bbs_credential.credential import IssuedCredential, encode_credential
from diptych.formats.catalogue.derived import rules_hold_until
from diptych.formats.catalogue.layout import layout_values
from diptych.formats.catalogue.model import Catalogue, DocumentType
from diptych.formats.catalogue.values import check_values
from diptych.formats.cbor import CborValue
from diptych.formats.order.documents import OrderedDocument
from diptych.private import Personal
from diptych.protocols.openid4vci.commitment_proof import ProvenCommitment
from diptych.protocols.openid4vci.errors import CREDENTIAL_REQUEST_DENIED, INVALID_PROOF
from diptych.protocols.openid4vci.metadata import CredentialConfiguration
from diptych.roles.issuer.model import Enrolment
from diptych.roles.issuer.ports import IssuerTransaction, ProvingSigner
from diptych.roles.issuer.tokens import start_of_day

SUFFIX = "-bbs"
"""What the credential configuration of the fast suite adds to a document type's id."""


def proving_configurations(catalogue: Catalogue) -> dict[str, CredentialConfiguration]:
    """What is on offer beside the mdocs, by configuration id."""
    return {
        document_type.id + SUFFIX: CredentialConfiguration(
            doc_type=document_type.doc_type,
            scope=document_type.id + SUFFIX,
            names={"en": document_type.names.en, "fr": document_type.names.fr},
            format=bbs_credential.FORMAT,
        )
        for document_type in catalogue.types.values()
        if document_type.layout is not None
    }


def proving_type(catalogue: Catalogue, configuration_id: str) -> DocumentType | None:
    """The type whose fast-suite credential a configuration is about, if it is about one."""
    found = catalogue.types.get(configuration_id.removesuffix(SUFFIX))
    is_proving = configuration_id.endswith(SUFFIX) and found is not None and found.layout is not None
    return found if is_proving else None


def sign_credential(
    state: IssuerTransaction,
    order_id: bytes,
    document_type: DocumentType,
    document: OrderedDocument,
    proven: ProvenCommitment,
    *,
    signer: ProvingSigner,
    now: datetime,
    entropy: Entropy,
) -> bytes:
    """The encoded credential on this commitment, with its enrolment kept in the same transaction.

    1. The order still fits the catalogue, and allows a document of this type today.
    2. The commitment is the one that the order's first credential was on.
    3. The revocation id is drawn once for an order and type; asked again, it is the same.
    4. Every value fits the layout (`Refused` "bbs.value" names the attribute), and the signature is blind.
    """
    assert document_type.layout is not None  # `proving_type` chose it
    # 1.
    attributes = _checked(document_type, document)
    last_day_ends = _last_day_ends(document_type, document, attributes, now)
    # 2.
    former = state.enrolments(order_id)
    if any(one.commitment != proven.point for one in former):
        raise Refused(
            "bbs.holder_secret",
            "this order's credentials are on another holder secret: commit to that one",
            code=CREDENTIAL_REQUEST_DENIED,
        )
    # 3.
    known = next((one for one in former if one.type_id == document_type.id), None)
    if known is not None and known.is_revoked:
        raise Refused("bbs.revoked", "the document was revoked: ask for a new one", code=CREDENTIAL_REQUEST_DENIED)
    revocation_id = encode_scalar(random_scalars(1, entropy)[0]) if known is None else known.revocation_id
    # 4.
    values = layout_values(
        document_type,
        attributes,
        day=now.date(),
        valid_until=(last_day_ends - timedelta(days=1)).date(),
        revocation_id=parse_nonzero_scalar(revocation_id),
    )
    try:
        signature = issue(signer.secret, signer.public_key, document_type.layout, values, proven.commitment)
    except (FormatError, VerificationError) as error:
        raise VerificationError("bbs.commitment", error.message, code=INVALID_PROOF) from error
    longest = last_day_ends if known is None else max(last_day_ends, known.valid_until)
    state.save_enrolment(Enrolment(order_id, document_type.id, proven.point, revocation_id, longest))
    issued = IssuedCredential(document_type.doc_type, signer.public_key, Personal(values), signature)
    return encode_credential(issued, document_type.layout)


def _checked(document_type: DocumentType, document: OrderedDocument) -> Mapping[str, Personal[CborValue]]:
    try:
        return check_values(document_type, {name: value.reveal() for name, value in document.attributes.items()})
    except FormatError as error:
        # Approved under another catalogue: the person can do nothing about it, the officer can.
        raise Refused(
            "credential.catalogue",
            "the order does not fit its document type any more: ask for a new one",
            code=CREDENTIAL_REQUEST_DENIED,
        ) from error


def _last_day_ends(
    document_type: DocumentType,
    document: OrderedDocument,
    attributes: Mapping[str, Personal[CborValue]],
    now: datetime,
) -> datetime:
    """The midnight after the credential's last day: whole days, like the mdoc's, and while what it says is true."""
    ends = [start_of_day(now) + timedelta(days=document_type.validity_days)]
    if document.valid_until is not None:
        ends.append(start_of_day(document.valid_until))
    rules = rules_hold_until(document_type.layout_rules.values(), attributes, day=now.date())
    if rules is not None:
        ends.append(rules)
    if min(ends) <= now:
        raise Refused(
            "credential.expired",
            "the order allows no document of this type beyond today: ask for a new one",
            code=CREDENTIAL_REQUEST_DENIED,
        )
    return min(ends)
