"""What officers, trustees, courts and auditors send: arbitrary bytes are a value or a `FormatError`; what parses
re-encodes to the same bytes."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.adapters.auditor_folder import encode_waiting, parse_waiting
from diptych.errors import FormatError
from diptych.formats.record.content import parse_content
from diptych.formats.tlog.shown_act import parse_shown_act
from diptych.protocols.ceremony.channel import Channel, parse_channel
from diptych.protocols.certifying.standing import (
    AttestationNews,
    OfficerNews,
    TrusteeSetNews,
    parse_attestation_news,
    parse_officer_news,
    parse_trustee_set_news,
)
from diptych.protocols.depositing.confirmation import Confirmation, parse_confirmation
from diptych.protocols.depositing.deposit import DepositSecrets, parse_deposit_secrets
from diptych.protocols.depositing.erasure import Erasure, parse_erasure
from diptych.protocols.lookup.tags import Match, TagAnswer, parse_tag_answer
from diptych.protocols.opening.disclosure import Disclosure, parse_disclosure
from diptych.protocols.opening.outcome import Publication, parse_publication
from diptych.protocols.opening.request import parse_presentation
from diptych.protocols.replacing.recovery import (
    PiecesRequest,
    SharesRequest,
    SumsRequest,
    parse_pieces_request,
    parse_shares_request,
    parse_sums_request,
)
from diptych.roles.auditor.model import Waiting
from tests.fuzz.test_order import MUTATIONS, mutated
from tests.registry_world import World, content_of
from tests.statements import NAMES, specimens

WORLD = World()
FRESH = WORLD.enrol(content_of())
REQUEST = WORLD.request(FRESH, reply=WORLD.agency_recipient)
RECORD = specimens()["enrolment"].statement.unverified.record
ORDER = WORLD.court_order(FRESH.signed.unverified)
PRESENTATION = WORLD.presentation(FRESH, REQUEST, WORLD.logged(REQUEST, b"\x01" * 32), WORLD.trustees[0], ORDER)
SECRETS = DepositSecrets(FRESH.masks[1], FRESH.masks[2])
ANSWER = TagAnswer(bytes(32), (Match(bytes(16), PRESENTATION.shown.receipt),))

PARSERS: dict[str, tuple[Callable[[bytes], bytes], bytes]] = {
    "content of a record": (lambda data: parse_content(data).encode_padded(), content_of().encode_padded()),
    "shown act": (lambda data: parse_shown_act(data).encode(), PRESENTATION.shown.encode()),
    "secrets of a deposit": (lambda data: parse_deposit_secrets(data).encode(), SECRETS.encode()),
    "presentation": (lambda data: parse_presentation(data).encode(), PRESENTATION.encode()),
    "confirmation": (
        lambda data: parse_confirmation(data).encode(),
        Confirmation(bytes(16), 1, bytes(32), PRESENTATION.shown).encode(),
    ),
    "erasure": (
        lambda data: parse_erasure(data).encode(),
        Erasure(specimens()["erasure order"].statement, (specimens()["deletion"].statement,)).encode(),
    ),
    "disclosure": (
        lambda data: parse_disclosure(data).encode(),
        Disclosure(bytes(32), PRESENTATION.shown).encode(),
    ),
    "news of an officer": (
        lambda data: parse_officer_news(data).encode(),
        OfficerNews(specimens()["officer certificate"].statement, PRESENTATION.shown).encode(),
    ),
    "news of an audit": (
        lambda data: parse_attestation_news(data).encode(),
        AttestationNews(specimens()["audit attestation"].statement, PRESENTATION.shown).encode(),
    ),
    "an attestation under way": (
        lambda data: encode_waiting(parse_waiting(data)),
        encode_waiting(Waiting(specimens()["audit attestation"].statement, PRESENTATION.shown.committed)),
    ),
    "news of a trustee set": (
        lambda data: parse_trustee_set_news(data).encode(),
        TrusteeSetNews(specimens()["trustee set"].statement, PRESENTATION.shown).encode(),
    ),
    "channel of a ceremony": (
        lambda data: parse_channel(data).encode(),
        Channel(
            specimens()["ceremony call"].statement,
            (specimens()["ceremony key"].statement, specimens()["ceremony message"].statement),
        ).encode(),
    ),
    "request for pieces": (
        lambda data: parse_pieces_request(data).encode(),
        PiecesRequest(
            specimens()["recovery call"].statement,
            (specimens()["change key"].statement,),
            (FRESH.signed.unverified.quorum.shares[0].envelope,),
        ).encode(),
    ),
    "request for sums": (
        lambda data: parse_sums_request(data).encode(),
        SumsRequest(
            specimens()["recovery call"].statement,
            (specimens()["change key"].statement,),
            (specimens()["recovery pieces"].statement,),
        ).encode(),
    ),
    "shares to take": (
        lambda data: parse_shares_request(data).encode(),
        SharesRequest(
            specimens()["recovery call"].statement,
            (specimens()["recovery sums"].statement,),
            (RECORD,),
        ).encode(),
    ),
    "publication": (
        lambda data: parse_publication(data).encode(),
        Publication(REQUEST, ORDER).encode(),
    ),
    "answer of the registry": (lambda data: parse_tag_answer(data).encode(), ANSWER.encode()),
}


def check_statement(name: str, data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert specimens()[name].kind.parse(data).encode() == data


def check_other(name: str, data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert PARSERS[name][0](data) == data


@pytest.mark.parametrize("name", PARSERS)
def test_the_specimens_of_other_messages_are_what_they_are(name: str) -> None:
    encode, data = PARSERS[name]
    assert encode(data) == data


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=300))
@settings(max_examples=50)
def test_arbitrary_bytes_are_a_statement_or_a_format_error(name: str, data: bytes) -> None:
    check_statement(name, data)


@pytest.mark.parametrize("name", NAMES)
@given(mutations=MUTATIONS)
@settings(max_examples=100)
def test_mutated_statements_re_encode_identically_or_are_format_errors(
    name: str, mutations: list[tuple[int, int]]
) -> None:
    check_statement(name, mutated(specimens()[name].statement.encode(), mutations))


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.binary(max_size=300), mutations=MUTATIONS)
@settings(max_examples=100)
def test_mutated_messages_re_encode_identically_or_are_format_errors(
    name: str, data: bytes, mutations: list[tuple[int, int]]
) -> None:
    check_other(name, data)
    check_other(name, mutated(PARSERS[name][1], mutations))
