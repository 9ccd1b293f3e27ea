"""Copies of one original: each a document that the holder believes, and nothing in one that points at another."""

import dataclasses
from datetime import timedelta

import pytest

from diptych.formats.cbor import CborValue, FullDate, Tag
from diptych.formats.mdoc.issue import Original, prepare
from diptych.formats.mdoc.issuer_signed import build_item, parse_issuer_signed
from diptych.formats.mdoc.verify import verify_issuer_signed
from tests.formats.mdoc_specimen import AUTHORITY, DOC_TYPE, ELEMENTS, NAMESPACE, NOW, TRUST, entropy_from, key


def original(elements: dict[str, CborValue]) -> Original:
    return prepare(
        doc_type=DOC_TYPE,
        namespaces={NAMESPACE: elements, "empty": {}},
        signer=AUTHORITY.signer_key,
        signer_chain=[AUTHORITY.signer],
        signed=NOW,
        valid_from=NOW,
        valid_until=NOW + timedelta(days=13),
    )


# Digest ids take one byte below 24, two below 256, three below 65,536; items pass 255 and 65,535 bytes.
@pytest.mark.parametrize("count", [1, 24, 25, 256, 300])
def test_a_copy_is_the_document_that_the_long_form_makes(count: int) -> None:
    values: list[CborValue] = [
        "text",
        "x" * 300,
        b"\xff" * 70_000,
        True,
        18,
        FullDate("1971-09-01"),
        [{"a": Tag(1, 2)}],
    ]
    elements = {f"element_{number}": values[number % len(values)] for number in range(count)}
    received = parse_issuer_signed(original(elements).copy(key("device").public_key, entropy=entropy_from("copy")))
    assert list(received.namespaces) == [NAMESPACE]
    items = received.namespaces[NAMESPACE]
    assert [item.element_identifier for item in items] == list(elements)
    assert sorted(item.digest_id for item in items) == list(range(count))
    for item in items:
        again = build_item(
            digest_id=item.digest_id,
            random=item.random,
            identifier=item.element_identifier,
            value=item.element_value,
        )
        assert item.encoded == again.encoded
        assert len(item.random) == 16
    assert list(received.unverified_mso().value_digests[NAMESPACE]) == list(range(count))
    believed = verify_issuer_signed(received, expected_doc_type=DOC_TYPE, trust=TRUST, now=NOW)
    assert {identifier: value.reveal() for (_, identifier), value in believed.claims.items()} == elements


def test_two_copies_share_no_salt_no_digest_and_no_order() -> None:
    document, entropy = original(dict(ELEMENTS)), entropy_from("copies")
    first, second = (
        parse_issuer_signed(document.copy(key(name).public_key, entropy=entropy)) for name in ("one", "two")
    )
    seen = []
    for copy, device in ((first, "one"), (second, "two")):
        believed = verify_issuer_signed(
            copy,
            expected_doc_type=DOC_TYPE,
            trust=TRUST,
            now=NOW,
            expected_device_key=key(device).public_key,
        )
        assert {identifier: value.reveal() for (_, identifier), value in believed.claims.items()} == ELEMENTS
        seen.append(
            (
                {item.random for item in copy.namespaces[NAMESPACE]},
                set(copy.unverified_mso().value_digests[NAMESPACE].values()),
            )
        )
    assert len(seen[0][0]) == len(seen[0][1]) == len(ELEMENTS)
    assert seen[0][0].isdisjoint(seen[1][0])
    assert seen[0][1].isdisjoint(seen[1][1])
    assert [item.digest_id for item in first.namespaces[NAMESPACE]] != [
        item.digest_id for item in second.namespaces[NAMESPACE]
    ]


def test_an_original_shows_nobody() -> None:
    document = original({"family_name": "Mustermann-Canary"})
    assert "Canary" not in repr(document)
    assert "Canary" not in repr(dataclasses.replace(document, doc_type="another"))
