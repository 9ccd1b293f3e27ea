"""Issuing a document: salted items, their digests under shuffled ids, one signature over all of it.

Deciding what may be issued, and to which key, is left to the issuer's role; proving limits to the catalogue.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import Refused
from diptych.formats.cbor import CborValue
from diptych.formats.cose import sign1
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.issuer_signed import IssuerSigned, IssuerSignedItem, build_item
from diptych.formats.x509 import certificate
from diptych.private import Personal

SALT_BYTES = 16  # the least that 9.1.2.5 allows: the proving circuits leave no room for more


def issue(
    *,
    doc_type: str,
    namespaces: Mapping[str, Mapping[str, Personal[CborValue] | CborValue]],
    device_key: PublicKey,
    signer: Signer,
    signer_chain: Sequence[bytes],
    signed: datetime,
    valid_from: datetime,
    valid_until: datetime,
    entropy: Entropy,
) -> IssuerSigned:
    """The document, signed. `signer_chain` is DER, leaf first, without the root; dates are UTC with whole seconds.

    `Refused` for what no verifier here would accept: a key that is not the certificate's, dates out of order or
    outside the certificate's life, an element identifier used twice. Verifiers also want the certificate valid when
    they look, so a document that is to last must not outlive it: that is for the caller to plan.
    """
    _check_signer(signer, signer_chain, signed)
    if not signed <= valid_from < valid_until:
        raise Refused("mdoc.validity.order", "signed, valid from and valid until follow one another")
    identifiers = [identifier for elements in namespaces.values() for identifier in elements]
    if not identifiers:
        raise Refused("mdoc.elements", "a document has elements")
    if len(set(identifiers)) != len(identifiers):
        # A proof binds identifiers and not namespaces: the same name twice under one signer could be swapped.
        raise Refused(
            "mdoc.element_repeated", "an element identifier stands once in a document, whatever its namespace"
        )
    items = {namespace: _items(elements, entropy) for namespace, elements in namespaces.items() if elements}
    payload = mso.build(
        doc_type=doc_type,
        # By digest id, not by element: the order of digests must not tell what an unshown element is.
        value_digests={
            namespace: {item.digest_id: item.digest() for item in sorted(group, key=_digest_id)}
            for namespace, group in items.items()
        },
        device_key=device_key,
        signed=signed,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    return IssuerSigned(items, sign1.sign(payload, signer=signer, x5chain=signer_chain))


def _check_signer(signer: Signer, signer_chain: Sequence[bytes], signed: datetime) -> None:
    if not signer_chain:
        raise Refused("mdoc.signer_key", "a document carries its signer's certificate")
    leaf = certificate.parse(signer_chain[0])
    if certificate.public_key(leaf) != signer.public_key:
        raise Refused("mdoc.signer_key", "the signing key is not that of the certificate")
    if not leaf.not_valid_before_utc <= signed <= leaf.not_valid_after_utc:
        raise Refused("mdoc.validity.signed", "the signer's certificate is not valid at the date of signing")


def _items(elements: Mapping[str, Personal[CborValue] | CborValue], entropy: Entropy) -> tuple[IssuerSignedItem, ...]:
    digest_ids = _shuffled(len(elements), entropy)
    return tuple(
        build_item(
            digest_id=digest_id,
            random=entropy(SALT_BYTES),
            identifier=identifier,
            value=value if isinstance(value, Personal) else Personal(value),
        )
        for digest_id, (identifier, value) in zip(digest_ids, elements.items(), strict=True)
    )


def _shuffled(count: int, entropy: Entropy) -> list[int]:
    """0 to count - 1 in an unpredictable order (Fisher-Yates)."""
    numbers = list(range(count))
    for last in range(count - 1, 0, -1):
        # 64 bits reduced to a few thousand at most: the bias is below 2^-50.
        chosen = int.from_bytes(entropy(8), "big") % (last + 1)
        numbers[last], numbers[chosen] = numbers[chosen], numbers[last]
    return numbers


def _digest_id(item: IssuerSignedItem) -> int:
    return item.digest_id
