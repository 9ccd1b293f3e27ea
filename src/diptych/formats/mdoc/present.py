"""Presenting a held document: only the items asked for, and the device key's word for this session.

Which items a person agrees to show is left to the wallet's role. Handing the result, in a `DeviceResponse`, to a
prover gives it the requested items and nothing else.
"""

from collections.abc import Collection, Mapping

from diptych.crypto.signing import PublicKey, Signer, SoftwareSigner
from diptych.errors import Refused
from diptych.formats.mdoc import device_auth
from diptych.formats.mdoc.device_response import NO_DEVICE_ITEMS, DeviceSigned, Document
from diptych.formats.mdoc.issuer_signed import IssuerSigned, IssuerSignedItem


def present(
    issuer_signed: IssuerSigned,
    *,
    doc_type: str,
    disclose: Mapping[str, Collection[str]],
    transcript: bytes,
    device_signer: Signer,
) -> Document:
    """The document with the items of `disclose` (identifiers by namespace), signed by the device for this session.

    `Refused` when an item is not held, or the document is of another type or device key.
    """
    selected = _select(issuer_signed, doc_type, disclose, device_signer.public_key)
    signature = device_auth.sign(
        transcript=transcript, doc_type=doc_type, name_spaces=NO_DEVICE_ITEMS, device_signer=device_signer
    )
    return Document(doc_type, selected, DeviceSigned(NO_DEVICE_ITEMS, signature))


def present_with_mac(
    issuer_signed: IssuerSigned,
    *,
    doc_type: str,
    disclose: Mapping[str, Collection[str]],
    transcript: bytes,
    device_key: SoftwareSigner,
    reader_key: PublicKey,
) -> Document:
    """As `present`, authenticated by a MAC that only the reader with the ephemeral `reader_key` can check.

    What the reader then holds proves nothing to a third party.
    """
    selected = _select(issuer_signed, doc_type, disclose, device_key.public_key)
    tag = device_auth.authenticate(
        transcript=transcript,
        doc_type=doc_type,
        name_spaces=NO_DEVICE_ITEMS,
        device_key=device_key,
        reader_key=reader_key,
    )
    return Document(doc_type, selected, DeviceSigned(NO_DEVICE_ITEMS, tag))


def _select(
    issuer_signed: IssuerSigned, doc_type: str, disclose: Mapping[str, Collection[str]], device_key: PublicKey
) -> IssuerSigned:
    held = issuer_signed.unverified_mso()
    if held.doc_type != doc_type:
        raise Refused("mdoc.doc_type", "the document is of another type")
    if held.device_key != device_key:
        raise Refused("mdoc.device_key", "the document belongs to another device key")
    selected: dict[str, tuple[IssuerSignedItem, ...]] = {}
    for namespace, identifiers in disclose.items():
        items = issuer_signed.namespaces.get(namespace, ())
        missing = set(identifiers) - {item.element_identifier for item in items}
        if missing:
            raise Refused("mdoc.element_absent", f"the document has no {', '.join(sorted(missing))}")
        if identifiers:
            selected[namespace] = tuple(item for item in items if item.element_identifier in identifiers)
    return IssuerSigned(selected, issuer_signed.issuer_auth)
