"""`@sd-jwt/jwt-status-list`, which we did not write, reads our status lists, and we read those that it writes."""

import base64
import random
from datetime import timedelta

import pytest

from diptych.errors import DiptychError, VerificationError
from diptych.formats.mdoc.status import verify_status_list
from diptych.formats.mdoc.trust import STATUS_LISTS
from diptych.formats.order.standing import Standing
from diptych.formats.status_list import token
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.status_list.token import JWT_MEDIA_TYPE, VerifiedStatusList
from diptych.roles.issuer.status_model import LIST_SIZE
from tests.interop.peers import ask_npm
from tests.interop.town import private_jwk
from tests.roles.issuer.test_standings import Scene, references

SCRIPT = "status_list_peer.mjs"
URI = "https://lists.example/7"
PEER = "@sd-jwt/jwt-status-list"

reader = pytest.mark.peer(PEER, role="verifier of our status lists")
writer = pytest.mark.peer(PEER, role="issuer of status lists")


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A licence whose copies were suspended in public."""
    found = Scene()
    found.town.later(minutes=10)
    found.say(Standing.SUSPENDED, "lost")
    found.publish()
    return found


def read(scene: Scene, *indices: int, **changes: object) -> dict[str, object]:
    """What the peer reads in our list."""
    question: dict[str, object] = {
        "token": scene.town.issuer.status_list(1, media_type=JWT_MEDIA_TYPE).decode("ascii"),
        "root": base64.b64encode(scene.town.signers.root).decode(),
        "uri": references(scene.licence)[0].uri,
        "now": int(scene.town.now.timestamp()),
        "indices": indices,
    }
    return ask_npm(SCRIPT, "read", {**question, **changes})


def written(scene: Scene, statuses: list[int], bits: int, **changes: object) -> bytes:
    """A list that the peer packs and describes, under the key that is pinned for lists."""
    signer = scene.town.signers.signer_for(STATUS_LISTS)
    now = int(scene.town.now.timestamp())
    question: dict[str, object] = {
        "statuses": statuses,
        "bits": bits,
        "uri": URI,
        "iat": now,
        "exp": now + 3600,
        "ttl": 600,
        "x5c": [base64.b64encode(der).decode() for der in signer.chain],
        "key": private_jwk(signer.signer),
    }
    answer = ask_npm(SCRIPT, "write", {**question, **changes})
    assert isinstance(answer["token"], str)
    return answer["token"].encode("ascii")


def verified(scene: Scene, data: bytes, *, uri: str = URI) -> VerifiedStatusList:
    """As a verifier of ours believes it."""
    unverified = token.parse(data, media_type=JWT_MEDIA_TYPE)
    assert unverified.encode() == data
    return verify_status_list(unverified, expected_uri=uri, trust=scene.town.signers.trust(), now=scene.town.now)


@reader
def test_our_list_says_to_the_peer_what_it_says_to_us(scene: Scene) -> None:
    mine = [one.index for one in references(scene.licence)]
    others = [(index + 1) % LIST_SIZE for index in mine]
    assert not set(mine) & set(others)
    assert read(scene, *mine, *others) == {"bits": 2, "size": LIST_SIZE, "at": [2] * len(mine) + [0] * len(others)}


@reader
def test_the_peer_reads_the_place_that_our_document_names(scene: Scene) -> None:
    (place, *_) = references(scene.licence)
    assert ask_npm(SCRIPT, "reference", {"status": place.to_json()}) == {"idx": place.index, "uri": place.uri}


@reader
def test_our_list_is_refused_for_another_address_and_another_time(scene: Scene) -> None:
    assert read(scene, uri=URI) == {"refused": "signature or subject"}
    late = scene.town.now + timedelta(hours=7)
    assert read(scene, now=int(late.timestamp())) == {"refused": "time"}


@writer
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_we_read_in_the_peers_list_what_the_peer_wrote_there(scene: Scene, bits: int) -> None:
    # As many as fill whole bytes: the format has no other length.
    statuses = random.Random(bits).choices(range(1 << bits), k=1000)  # any will do, the same each time
    found = verified(scene, written(scene, statuses, bits))
    assert [found.at(index) for index in range(len(statuses))] == statuses
    assert found.token.status_list.bits == bits
    with pytest.raises(VerificationError, match=r"status\.index"):
        found.at(found.token.status_list.size)


@writer
def test_we_refuse_the_peers_list_for_another_address_another_time_and_without_an_end(scene: Scene) -> None:
    now = int(scene.town.now.timestamp())
    for changes, check in (
        ({"uri": StatusReference(0, URI + "1").uri}, "status.uri"),
        ({"exp": now}, "status.expired"),
        ({"exp": None}, "json.exp"),
        ({"iat": now + 3600, "exp": now + 7200}, "status.issued_at"),
    ):
        with pytest.raises(DiptychError) as refused:
            verified(scene, written(scene, [0] * 8, 1, **changes))
        assert refused.value.check == check
