"""Issuing a document: salted items, their digests under shuffled ids, one signature over all of it.

What the copies of one document share is checked and encoded once; salts, digest ids, the device's key and the
signature are each copy's own. Deciding what may be issued, and to which key, is left to the issuer's role; proving
limits to the catalogue.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import Refused
from diptych.formats.cbor import CborValue, Verbatim, array_of, encode, encoded_head, map_of
from diptych.formats.cose import sign1
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.issuer_signed import IssuerSigned, parse_issuer_signed
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.x509 import certificate
from diptych.private import Personal

SALT_BYTES = 16  # the least that 9.1.2.5 allows: the proving circuits leave no room for more
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Original:
    """A document ready to be copied: checked, dated, and encoded but for what is each copy's own. From `prepare`."""

    doc_type: str
    namespaces: Mapping[str, "_Blanks"] = field(repr=False)
    signer: Signer
    signer_chain: Sequence[bytes]
    validity_info: Verbatim

    def copy(self, device_key: PublicKey, *, entropy: Entropy, status: StatusReference | None = None) -> bytes:
        """A copy for this key, signed: the bytes of an IssuerSigned. `status` is where its own status is to be read."""
        items: dict[str, Verbatim] = {}
        digests: dict[str, Verbatim] = {}
        for namespace, blanks in self.namespaces.items():
            items[namespace], digests[namespace] = _filled(blanks, entropy)
        payload = mso.build(
            doc_type=self.doc_type,
            value_digests=digests,
            device_key=device_key,
            validity_info=self.validity_info,
            status=status,
        )
        issuer_auth = sign1.sign(payload, signer=self.signer, x5chain=self.signer_chain)
        return encode({"nameSpaces": items, "issuerAuth": issuer_auth.to_cbor()})


def prepare(
    *,
    doc_type: str,
    namespaces: Mapping[str, Mapping[str, Personal[CborValue] | CborValue]],
    signer: Signer,
    signer_chain: Sequence[bytes],
    signed: datetime,
    valid_from: datetime,
    valid_until: datetime,
) -> Original:
    """The document, ready for any number of copies. The chain is DER, leaf first, without the root; dates are UTC
    with whole seconds.

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
    blanks = {namespace: _blanks(elements) for namespace, elements in namespaces.items() if elements}
    validity_info = mso.encode_validity(signed=signed, valid_from=valid_from, valid_until=valid_until)
    return Original(doc_type, blanks, signer, signer_chain, validity_info)


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
    status: StatusReference | None = None,
) -> IssuerSigned:
    """A single copy, as its holder reads it; see `prepare`."""
    original = prepare(
        doc_type=doc_type,
        namespaces=namespaces,
        signer=signer,
        signer_chain=signer_chain,
        signed=signed,
        valid_from=valid_from,
        valid_until=valid_until,
    )
    return parse_issuer_signed(original.copy(device_key, entropy=entropy, status=status))


def _check_signer(signer: Signer, signer_chain: Sequence[bytes], signed: datetime) -> None:
    if not signer_chain:
        raise Refused("mdoc.signer_key", "a document carries its signer's certificate")
    leaf = certificate.parse(signer_chain[0])
    if certificate.public_key(leaf) != signer.public_key:
        raise Refused("mdoc.signer_key", "the signing key is not that of the certificate")
    if not leaf.not_valid_before_utc <= signed <= leaf.not_valid_after_utc:
        raise Refused("mdoc.validity.signed", "the signer's certificate is not valid at the date of signing")


@dataclass(frozen=True)
class _Blanks:
    """A namespace's items but for digest ids and randoms; `issuer_signed.build_item` says an item in the long form.

    Members stand in the order that the proving circuits are tested with: digestID, random, and the element's two.
    """

    digest_ids: Sequence[bytes]
    """0 to count - 1, encoded."""
    starts: Sequence[Sequence[bytes]] = field(repr=False)
    """For each item what stands before its digest id: tag 24 and heads, for ids that take one byte, two, three ..."""
    ends: Sequence[bytes] = field(repr=False)
    """For each item its element's members."""


_MAP_OF_FOUR = b"\xa4"
_START = _MAP_OF_FOUR + encode("digestID")
_RANDOM = encode("random") + encode(bytes(SALT_BYTES))[:-SALT_BYTES]
_DIGEST_HEAD = encode(bytes(DIGEST_BYTES))[:-DIGEST_BYTES]


def _blanks(elements: Mapping[str, Personal[CborValue] | CborValue]) -> _Blanks:
    digest_ids = [encode(number) for number in range(len(elements))]
    widths = range(1, len(digest_ids[-1]) + 1)
    ends = [
        _encoded_members(identifier, value.reveal() if isinstance(value, Personal) else value)
        for identifier, value in elements.items()
    ]
    rest = len(_START) + len(_RANDOM) + SALT_BYTES
    starts = [[encoded_head(rest + width + len(end)) + _START for width in widths] for end in ends]
    return _Blanks(digest_ids, starts, ends)


def _encoded_members(identifier: str, value: CborValue) -> bytes:
    # Without the head of a map of their own: they are two of an item's four.
    return encode({"elementIdentifier": identifier, "elementValue": value})[1:]


def _filled(blanks: _Blanks, entropy: Entropy) -> tuple[Verbatim, Verbatim]:
    """The items with fresh salts under shuffled digest ids, and the digests of their bytes.

    By digest id, not by element: the order of digests must not tell what an unshown element is.
    """
    count = len(blanks.ends)
    salts = entropy(SALT_BYTES * count)
    items: list[bytes] = []
    digests = [b""] * count
    place = 0
    for starts, end, number in zip(blanks.starts, blanks.ends, _shuffled(count, entropy), strict=True):
        digest_id = blanks.digest_ids[number]
        item = starts[len(digest_id) - 1] + digest_id + _RANDOM + salts[place : place + SALT_BYTES] + end
        place += SALT_BYTES
        items.append(item)
        digests[number] = digest_id + _DIGEST_HEAD + hashlib.sha256(item).digest()
    return array_of(items), map_of(digests)


def _shuffled(count: int, entropy: Entropy) -> list[int]:
    """0 to count - 1 in an unpredictable order (Fisher-Yates)."""
    numbers = list(range(count))
    draws = entropy(8 * count)
    for last in range(count - 1, 0, -1):
        # 64 bits reduced to a few thousand at most: the bias is below 2^-50.
        chosen = int.from_bytes(draws[8 * last : 8 * last + 8], "big") % (last + 1)
        numbers[last], numbers[chosen] = numbers[chosen], numbers[last]
    return numbers
