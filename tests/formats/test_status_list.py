"""Status lists: the draft's own vectors, both forms of a token, and every way in which one is not believed."""

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.crypto.signing import public_key_from_coordinates
from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats import base64url, cbor
from diptych.formats.cbor import Tag
from diptych.formats.cose import sign1
from diptych.formats.status_list import lists, reference, token
from diptych.formats.status_list.lists import Status, StatusList
from diptych.formats.status_list.reference import StatusClaim, StatusReference
from diptych.formats.status_list.token import StatusListToken
from tests.formats.mdoc_specimen import AUTHORITY, key

DRAFT = json.loads((Path(__file__).parents[1] / "vectors/status_list/draft.json").read_text())
DRAFT_KEY = public_key_from_coordinates(base64url.decode(DRAFT["key"]["x"]), base64url.decode(DRAFT["key"]["y"]))
DRAFT_URI = "https://example.com/statuslists/1"
NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
URI = "https://issuer.example/status-lists/1"
SIGNER = key("status")
LIST = lists.build({7: Status.INVALID, 8: Status.SUSPENDED}, size=64)
TOKEN = StatusListToken(URI, NOW, LIST, NOW + timedelta(hours=6), 600)


def make(form: str, said: StatusListToken = TOKEN) -> bytes:
    chain = [AUTHORITY.signer]
    if form == "cwt":
        return token.sign_cwt(said, signer=SIGNER, chain=chain)
    return token.sign_jwt(said, signer=SIGNER, chain=chain).encode()


def read(form: str, data: bytes) -> token.UnverifiedStatusListToken:
    return token.parse_cwt(data) if form == "cwt" else token.parse_jwt(data)


@pytest.mark.parametrize("vector", DRAFT["small"], ids=lambda vector: f"{vector['bits']} bits")
def test_the_drafts_examples_of_a_list_read_and_encode_alike(vector: dict[str, object]) -> None:
    bits, statuses = int(str(vector["bits"])), vector["statuses"]
    assert isinstance(statuses, list)
    found = lists.from_cbor(cbor.decode(bytes.fromhex(str(vector["cbor"]))))
    assert found == lists.from_json({"bits": bits, "lst": str(vector["lst"])})
    assert found.entries.hex() == vector["array"]
    assert [found.at(index) for index in range(found.size)] == statuses
    assert cbor.encode(found.to_cbor()).hex() == vector["cbor"]
    assert found.to_json() == {"bits": bits, "lst": vector["lst"]}


@pytest.mark.parametrize("vector", DRAFT["appendix"], ids=lambda vector: f"{vector['bits']} bits")
def test_the_drafts_test_vectors_say_what_they_should_at_every_index(vector: dict[str, object]) -> None:
    statuses = vector["statuses"]
    assert isinstance(statuses, dict)
    found = lists.from_json({"bits": int(str(vector["bits"])), "lst": str(vector["lst"])})
    assert found == lists.from_cbor(cbor.decode(bytes.fromhex(str(vector["cbor"]))))
    assert found.size == vector["size"]
    expected = {int(index): status for index, status in statuses.items() if status}
    assert {index: status for index in range(found.size) if (status := found.at(index))} == expected
    assert cbor.encode(found.to_cbor()).hex() == vector["cbor"]


def test_the_drafts_cwt_and_jwt_are_believed_under_its_key() -> None:
    now = datetime.fromtimestamp(1686920170, UTC)
    for unverified in (token.parse_cwt(bytes.fromhex(DRAFT["cwt"])), token.parse_jwt(DRAFT["jwt"].encode())):
        found = token.verify(unverified, DRAFT_KEY, expected_uri=DRAFT_URI, now=now)
        assert [found.at(index) for index in range(16)] == DRAFT["small"][0]["statuses"]
        assert (found.token.issued_at, found.token.ttl_seconds) == (now, 43200)
        assert found.token.expires_at == now + timedelta(days=7000)
    assert token.parse_cwt(bytes.fromhex(DRAFT["cwt"])).encode().hex() == DRAFT["cwt"]
    assert token.parse_jwt(DRAFT["jwt"].encode()).encode().decode() == DRAFT["jwt"]


def test_the_drafts_reference_in_a_cwt_is_read() -> None:
    tagged = cbor.decode(bytes.fromhex(DRAFT["referenced"]))
    assert isinstance(tagged, Tag)
    payload = sign1.verify(sign1.from_cbor(tagged.value), DRAFT_KEY)
    claims = cbor.decode(payload)
    assert isinstance(claims, dict)
    assert reference.from_cbor(claims[65535]) == StatusClaim(StatusReference(0, DRAFT_URI))


@pytest.mark.parametrize("form", ["cwt", "jwt"])
def test_a_list_is_believed_and_says_what_it_was_built_to_say(form: str) -> None:
    data = make(form)
    unverified = read(form, data)
    assert unverified.encode() == data
    assert unverified.chain() == (AUTHORITY.signer,)
    found = token.verify(unverified, SIGNER.public_key, expected_uri=URI, now=NOW)
    assert found.token == TOKEN
    assert (found.at(7), found.at(8), found.at(9)) == (Status.INVALID, Status.SUSPENDED, Status.VALID)
    assert token.parse(data, media_type=f"application/statuslist+{form}") == unverified


@pytest.mark.parametrize("form", ["cwt", "jwt"])
@pytest.mark.parametrize(
    ("said", "expected_uri", "now", "check"),
    [
        (TOKEN, URI + "0", NOW, "status.uri"),
        (TOKEN, URI, NOW + timedelta(hours=6), "status.expired"),
        (TOKEN, URI, NOW - timedelta(minutes=6), "status.issued_at"),
        (replace(TOKEN, expires_at=None), URI, NOW, "status.expired"),
    ],
)
def test_a_list_of_another_place_or_time_says_nothing(
    form: str, said: StatusListToken, expected_uri: str, now: datetime, check: str
) -> None:
    unverified = read(form, make(form, said))
    with pytest.raises(VerificationError) as refusal:
        token.verify(unverified, SIGNER.public_key, expected_uri=expected_uri, now=now)
    assert refusal.value.check == check


@pytest.mark.parametrize("form", ["cwt", "jwt"])
def test_a_list_signed_by_another_key_is_refused(form: str) -> None:
    with pytest.raises(VerificationError):
        token.verify(read(form, make(form)), key("another").public_key, expected_uri=URI, now=NOW)


@pytest.mark.parametrize("form", ["cwt", "jwt"])
def test_a_list_with_one_byte_changed_is_never_believed(form: str) -> None:
    data = make(form)
    for position in range(len(data)):
        changed = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        try:
            found = token.verify(read(form, changed), SIGNER.public_key, expected_uri=URI, now=NOW)
        except DiptychError:
            continue
        # The chain in a COSE header is not signed over: it is compared with the pinned one before anything is believed.
        assert form == "cwt"
        assert read(form, changed).chain() != read(form, data).chain()
        assert found.token == TOKEN


def test_an_index_beyond_the_list_is_refused_by_name() -> None:
    for index in (-1, LIST.size, 2**40):
        with pytest.raises(VerificationError) as refusal:
            LIST.at(index)
        assert refusal.value.check == "status.index"


def test_a_small_message_cannot_fill_the_memory() -> None:
    bomb = zlib.compress(bytes(64 * 1024 * 1024), 9)
    assert len(bomb) < token.MAX_BYTES
    with pytest.raises(FormatError) as refusal:
        StatusList(2, bomb)
    assert refusal.value.check == "status_list.size"


@pytest.mark.parametrize(
    "compressed",
    [b"", b"not zlib", LIST.compressed[:-1], LIST.compressed + b"\0", zlib.compress(b"x")[2:-4]],
    ids=["nothing", "not zlib", "cut short", "followed by more", "without its frame"],
)
def test_what_is_not_exactly_one_zlib_stream_is_refused(compressed: bytes) -> None:
    with pytest.raises(FormatError) as refusal:
        StatusList(1, compressed)
    assert refusal.value.check == "status_list.zlib"


@pytest.mark.parametrize("bits", [0, 3, 16, -1])
def test_a_status_has_one_two_four_or_eight_bits(bits: int) -> None:
    with pytest.raises(FormatError):
        StatusList(bits, LIST.compressed)


def test_a_cwt_without_its_tag_or_type_is_refused() -> None:
    untagged = sign1.sign(b"\xa0", signer=SIGNER, typ=token.CWT_MEDIA_TYPE).encode()
    untyped = cbor.encode(Tag(18, sign1.sign(b"\xa0", signer=SIGNER).to_cbor()))
    for data, check in ((untagged, "status_list.tag"), (untyped, "cose.typ")):
        with pytest.raises(FormatError) as refusal:
            token.parse_cwt(data)
        assert refusal.value.check == check


def test_a_typed_message_does_not_pass_for_an_untyped_one() -> None:
    with pytest.raises(FormatError) as refusal:
        sign1.parse(sign1.sign(b"mso", signer=SIGNER, typ=token.CWT_MEDIA_TYPE).encode())
    assert refusal.value.check == "cose.header"


def test_a_reference_goes_into_an_mdoc_and_an_sd_jwt_vc_and_comes_back() -> None:
    found = StatusReference(412, URI)
    assert reference.from_cbor(found.to_cbor()) == StatusClaim(found)
    assert reference.from_json(found.to_json()) == StatusClaim(found)


def test_a_mechanism_that_is_not_read_here_is_noticed() -> None:
    assert reference.from_cbor({"identifier_list": {"id": b"1", "uri": URI}}) == StatusClaim(None)
    assert reference.from_json({"other": {}}) == StatusClaim(None)
    for read_claim in (reference.from_cbor, reference.from_json):
        with pytest.raises(FormatError):
            read_claim({})
