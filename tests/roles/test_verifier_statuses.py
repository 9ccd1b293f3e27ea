"""A verifier and status lists: what is refused and by which name, what is kept and how long, what is never asked."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.mdoc.trust import STATUS_LISTS, IssuerTrust
from diptych.formats.status_list import lists, token
from diptych.formats.status_list.lists import Status
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.status_list.token import StatusListToken, UnverifiedStatusListToken
from diptych.formats.x509 import certificate, profiles
from diptych.roles.verifier.statuses import MAX_LISTS, StatusChecks
from tests.protocols.openid4vp_parties import NOW, counting
from tests.verifying import AGE_SIGNER, ISSUERS

URI = "https://issuer.example/status-lists/1"
HERE = StatusReference(4, URI)


def certified(signer: SoftwareSigner) -> bytes:
    return profiles.build_status_list_signer(
        public_key=signer.public_key,
        issuer=ISSUERS.root,
        issuer_signer=ISSUERS.signer,
        common_name="Status lists of Utopia",
        crl="https://authority.example/crl",
        not_before=NOW - timedelta(days=20),
        not_after=NOW + timedelta(days=200),
        entropy=counting(),
    )


SIGNER = generate_signer()
LEAF = certified(SIGNER)
TRUST = IssuerTrust({STATUS_LISTS: (LEAF,)}, (ISSUERS.root,))


def version(
    *,
    status: Status = Status.VALID,
    uri: str = URI,
    minutes: int = 0,
    ttl: int | None = 600,
    signer: SoftwareSigner = SIGNER,
    leaf: bytes = LEAF,
) -> UnverifiedStatusListToken:
    issued = NOW + timedelta(minutes=minutes)
    said = StatusListToken(uri, issued, lists.build({4: status}, size=64), issued + timedelta(hours=6), ttl)
    return token.parse_cwt(token.sign_cwt(said, signer=signer, chain=[leaf]))


@dataclass
class Source:
    """`StatusSource` that answers as it is told, and remembers what it was asked."""

    answers: dict[str, UnverifiedStatusListToken | DiptychError] = field(default_factory=lambda: {URI: version()})
    asked: list[str] = field(default_factory=list)

    def fetch(self, uri: str) -> UnverifiedStatusListToken:
        self.asked.append(uri)
        answer = self.answers.get(uri, Unavailable("http.unreachable", "nobody is there"))
        if isinstance(answer, DiptychError):
            raise answer
        return answer


@pytest.fixture
def source() -> Source:
    return Source()


def look(
    checks: StatusChecks, *, minutes: float = 0, trust: IssuerTrust = TRUST, reference: StatusReference = HERE
) -> None:
    checks.check(reference, trust=trust, now=NOW + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("status", "check"), [(Status.INVALID, "status.revoked"), (Status.SUSPENDED, "status.suspended")]
)
def test_what_does_not_stand_is_refused_by_name(source: Source, status: Status, check: str) -> None:
    source.answers[URI] = version(status=status)
    with pytest.raises(Refused) as refusal:
        look(StatusChecks(source))
    assert refusal.value.check == check


def test_a_list_is_asked_for_once_for_as_long_as_it_says(source: Source) -> None:
    checks = StatusChecks(source)
    for minutes in (0, 5, 9.9):
        look(checks, minutes=minutes, reference=replace(HERE, index=int(minutes)))
    assert source.asked == [URI]
    look(checks, minutes=10)
    assert source.asked == [URI, URI]


def test_a_list_that_wants_to_be_asked_for_at_every_look_is_not(source: Source) -> None:
    source.answers[URI] = version(ttl=1)
    checks = StatusChecks(source)
    for seconds in range(10):
        look(checks, minutes=seconds / 60)
    assert source.asked == [URI]


def test_reinstated_is_seen_with_the_next_version(source: Source) -> None:
    checks = StatusChecks(source)
    source.answers[URI] = version(status=Status.SUSPENDED)
    with pytest.raises(Refused, match=r"status\.suspended"):
        look(checks)
    source.answers[URI] = version(minutes=10)
    look(checks, minutes=10)


def test_where_there_is_no_list_nobody_is_believed(source: Source) -> None:
    source.answers.clear()
    with pytest.raises(Unavailable) as refusal:
        look(StatusChecks(source))
    assert refusal.value.check == "status.unavailable"


def test_an_outage_is_bridged_until_the_version_expires_and_no_longer(source: Source) -> None:
    checks = StatusChecks(source)
    look(checks)
    source.answers.clear()
    look(checks, minutes=359)
    with pytest.raises(Unavailable, match=r"status\.unavailable"):
        look(checks, minutes=360)


def test_an_old_version_played_again_is_refused_once_it_has_expired(source: Source) -> None:
    """Somebody on the line answers with a list from before the revocation."""
    with pytest.raises(VerificationError, match=r"status\.expired"):
        look(StatusChecks(source), minutes=360)


def test_a_version_older_than_one_seen_is_not_taken(source: Source) -> None:
    checks = StatusChecks(source)
    source.answers[URI] = version(status=Status.INVALID, minutes=10)
    with pytest.raises(Refused, match=r"status\.revoked"):
        look(checks, minutes=10)
    source.answers[URI] = version()
    with pytest.raises(Refused, match=r"status\.revoked"):
        look(checks, minutes=30)


OTHER = generate_signer()


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (version(uri=URI + "0"), "status.uri"),
        (version(signer=OTHER), "signature"),
        (version(signer=OTHER, leaf=certified(OTHER)), "status.signer"),
        (version(signer=AGE_SIGNER.signer, leaf=AGE_SIGNER.leaf), "status.signer"),
    ],
    ids=["of another address", "forged", "by a key that is not pinned", "by a document signer"],
)
def test_a_list_that_is_not_the_issuers_own_is_refused(
    source: Source, answer: UnverifiedStatusListToken, check: str
) -> None:
    source.answers[URI] = answer
    with pytest.raises(VerificationError) as refusal:
        look(StatusChecks(source))
    assert refusal.value.check == check


def test_a_list_by_a_pinned_document_signer_is_refused_too(source: Source) -> None:
    """Whoever stole such a key cannot say that everything stands."""
    source.answers[URI] = version(signer=AGE_SIGNER.signer, leaf=AGE_SIGNER.leaf)
    trust = replace(TRUST, signers={STATUS_LISTS: (AGE_SIGNER.leaf,)})
    with pytest.raises(VerificationError, match=r"x509\.extended_key_usage"):
        look(StatusChecks(source), trust=trust)


def test_a_list_that_was_kept_is_not_believed_once_its_key_is_lost(source: Source) -> None:
    from diptych.formats.mdoc.trust import LostSigner

    checks = StatusChecks(source)
    look(checks)
    lost = replace(TRUST, signers={}, lost={certificate.fingerprint(LEAF): LostSigner(STATUS_LISTS, NOW)})
    with pytest.raises(VerificationError, match=r"status\.signer_lost"):
        look(checks, minutes=1, trust=lost)


def test_an_index_that_the_list_does_not_reach_is_refused(source: Source) -> None:
    with pytest.raises(VerificationError, match=r"status\.index"):
        look(StatusChecks(source), reference=StatusReference(64, URI))


def test_nonsense_is_refused_and_does_not_replace_what_is_kept(source: Source) -> None:
    checks = StatusChecks(source)
    look(checks)
    source.answers[URI] = FormatError("cbor", "nonsense")
    look(checks, minutes=11)


def test_lists_are_fetched_ahead_of_need_and_let_go_when_nobody_needs_them(source: Source) -> None:
    checks = StatusChecks(source)
    look(checks)
    checks.refresh(trust=TRUST, now=NOW + timedelta(minutes=5))
    assert source.asked == [URI]
    source.answers[URI] = version(minutes=10)
    checks.refresh(trust=TRUST, now=NOW + timedelta(minutes=10))
    assert source.asked == [URI] * 2
    look(checks, minutes=11)  # and nobody is asked while somebody waits
    assert source.asked == [URI] * 2
    checks.refresh(trust=TRUST, now=NOW + timedelta(days=2))
    assert source.asked == [URI] * 2


def test_a_failed_refresh_is_left_to_whoever_needs_the_list(source: Source) -> None:
    checks = StatusChecks(source)
    look(checks)
    source.answers.clear()
    checks.refresh(trust=TRUST, now=NOW + timedelta(minutes=10))
    look(checks, minutes=10)


def test_so_many_lists_are_kept_and_the_one_longest_unused_goes_first(source: Source) -> None:
    checks = StatusChecks(source)
    uris = [f"{URI}{number}" for number in range(MAX_LISTS + 1)]
    for position, uri in enumerate(uris):
        source.answers[uri] = version(uri=uri)
        look(checks, minutes=position / 60, reference=replace(HERE, uri=uri))
    asked = len(source.asked)
    look(checks, minutes=2, reference=replace(HERE, uri=uris[-1]))
    assert len(source.asked) == asked
    look(checks, minutes=2, reference=replace(HERE, uri=uris[0]))
    assert len(source.asked) == asked + 1
