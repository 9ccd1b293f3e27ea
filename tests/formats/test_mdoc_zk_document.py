"""An answer that carries a proof: the shape that deployed wallets and verifiers write, and nothing beside it."""

from collections.abc import Callable

import pytest

from diptych.errors import FormatError
from diptych.formats.cbor import CborValue, EncodedCbor, TDate, as_map, decode, encode
from diptych.formats.mdoc.device_response import DeviceResponse, parse_device_response
from diptych.formats.mdoc.zk_document import ZkDocument, parse_zk_document
from diptych.private import Personal
from tests.formats.mdoc_specimen import AUTHORITY, DOC_TYPE, NAMESPACE, NOW, Step, changed

PROOF = ZkDocument(
    doc_type=DOC_TYPE,
    zk_system_id="longfellow-libzk-v1_7_1_4151_4096_0123",
    timestamp=NOW,
    claims={NAMESPACE: {"age_over_18": Personal(b"\xf5")}},
    proof=b"proof",
    signer_chain=(AUTHORITY.signer,),
)


def test_a_proof_travels_in_a_response_and_reads_back() -> None:
    wire = DeviceResponse(zk_documents=(PROOF,)).encode()
    response = parse_device_response(wire)
    assert response.zk_documents == (PROOF,)
    assert response.documents == ()
    assert response.encode() == wire


def test_the_wire_is_that_of_deployed_wallets() -> None:
    members = as_map(decode(DeviceResponse(zk_documents=(PROOF,)).encode()), "test")
    assert list(members) == ["version", "zkDocuments", "status"]
    assert isinstance(members["zkDocuments"], list)
    document = as_map(members["zkDocuments"][0], "test")
    assert list(document) == ["proof", "documentData"]
    assert isinstance(document["documentData"], EncodedCbor)
    assert decode(document["documentData"].raw) == {
        "zkSystemId": PROOF.zk_system_id,
        "docType": DOC_TYPE,
        "timestamp": TDate("2026-05-01T12:00:00Z"),
        "issuerSigned": {NAMESPACE: [{"elementIdentifier": "age_over_18", "elementValue": True}]},
        "deviceSigned": {},
        "msoX5chain": AUTHORITY.signer,
    }


def test_another_order_and_a_chain_in_an_array_read_and_re_encode_to_the_byte() -> None:
    data: CborValue = {
        "docType": DOC_TYPE,
        "zkSystemId": PROOF.zk_system_id,
        "timestamp": TDate.of(NOW),
        "msoX5chain": [AUTHORITY.signer],
        "issuerSigned": {NAMESPACE: [{"elementValue": True, "elementIdentifier": "age_over_18"}]},
    }
    wire = encode({"documentData": EncodedCbor(encode(data)), "proof": b"proof"})
    assert parse_zk_document(wire) == PROOF
    assert parse_zk_document(wire).encode() == wire


def _set(name: str, value: CborValue) -> Callable[[CborValue], CborValue]:
    return lambda members: {**as_map(members, "test"), name: value}


def _drop(name: str) -> Callable[[CborValue], CborValue]:
    return lambda members: {key: value for key, value in as_map(members, "test").items() if key != name}


DATA: tuple[Step, ...] = ("documentData", EncodedCbor)
DEFECTS: dict[str, tuple[tuple[Step, ...], Callable[[CborValue], CborValue], str]] = {
    "no_proof": ((), _drop("proof"), "zk.document"),
    "more_members": ((), _set("more", 1), "zk.document"),
    "proof_is_text": ((), _set("proof", "proof"), "zk.proof"),
    "data_untagged": ((), _set("documentData", b""), "zk.document"),
    "no_chain": (DATA, _drop("msoX5chain"), "zk.document_data"),
    "chain_is_empty": (DATA, _set("msoX5chain", []), "cose.x5chain"),
    "chain_is_long": (DATA, _set("msoX5chain", [b""] * 5), "cose.x5chain"),
    "data_with_more_members": (DATA, _set("more", 1), "zk.document_data"),
    "timestamp_untagged": (DATA, _set("timestamp", "2026-05-01T12:00:00Z"), "zk.timestamp"),
    "timestamp_with_fraction": (DATA, _set("timestamp", TDate("2026-05-01T12:00:00.0Z")), "cbor.tdate"),
    "device_claims": (DATA, _set("deviceSigned", {NAMESPACE: []}), "zk.device_signed"),
    "element_twice": (
        DATA,
        _set("issuerSigned", {NAMESPACE: [{"elementIdentifier": "a", "elementValue": value} for value in (1, 2)]}),
        "zk.issuer_signed",
    ),
    "element_without_value": (
        DATA,
        _set("issuerSigned", {NAMESPACE: [{"elementIdentifier": "a"}]}),
        "zk.issuer_signed",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_malformed_proof_document_is_refused_by_name(defect: str) -> None:
    path, change, check = DEFECTS[defect]
    with pytest.raises(FormatError) as refusal:
        parse_zk_document(encode(changed(decode(PROOF.encode()), path, change)))
    assert refusal.value.check == check


def test_what_is_claimed_does_not_show_in_a_repr() -> None:
    assert "f5" not in repr(PROOF.claims)
    assert "proof=" not in repr(PROOF)
