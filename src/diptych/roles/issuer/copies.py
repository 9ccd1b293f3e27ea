"""Copies of an ordered document: checked against the catalogue, dated in whole days, signed for each device key.

This is what issuing costs once an order is open, and what `diptych bench issuer` measures. Who may have them is
decided before, in `service`.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, Refused
from diptych.formats.catalogue.model import DocumentType
from diptych.formats.catalogue.values import check_values
from diptych.formats.mdoc.issue import prepare
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.status_list.reference import StatusReference
from diptych.protocols.openid4vci.errors import CREDENTIAL_REQUEST_DENIED
from diptych.roles.issuer.ports import DocumentSigner
from diptych.roles.issuer.tokens import start_of_day


def sign_copies(
    document_type: DocumentType,
    document: OrderedDocument,
    device_keys: Sequence[PublicKey],
    *,
    document_signer: DocumentSigner,
    now: datetime,
    entropy: Entropy,
    references: Callable[[int, datetime], Sequence[StatusReference]] | None = None,
) -> tuple[bytes, ...]:
    """An encoded IssuerSigned for each key; `Refused` where the order allows no such document today.

    `references` gives as many places in status lists as there are copies, which expire then.
    """
    try:
        attributes = check_values(
            document_type, {identifier: value.reveal() for identifier, value in document.attributes.items()}
        )
    except FormatError as error:
        # Approved under another catalogue: the person can do nothing about it, the officer can.
        raise Refused(
            "credential.catalogue",
            "the order does not fit its document type any more: ask for a new one",
            code=CREDENTIAL_REQUEST_DENIED,
        ) from error
    # Whole days: a document's dates must not tell which of that day's people it belongs to.
    signed = start_of_day(now)
    valid_until = signed + timedelta(days=document_type.validity_days)
    if document.valid_until is not None:
        valid_until = min(valid_until, start_of_day(document.valid_until))
    if valid_until <= now:
        raise Refused(
            "credential.expired",
            "the order allows no document of this type beyond today: ask for a new one",
            code=CREDENTIAL_REQUEST_DENIED,
        )
    original = prepare(
        doc_type=document_type.doc_type,
        namespaces={document_type.namespace: attributes},
        signer=document_signer.signer,
        signer_chain=document_signer.chain,
        signed=signed,
        valid_from=signed,
        valid_until=valid_until,
    )
    places = [None] * len(device_keys) if references is None else references(len(device_keys), valid_until)
    return tuple(
        original.copy(device_key, entropy=entropy, status=status)
        for device_key, status in zip(device_keys, places, strict=True)
    )
