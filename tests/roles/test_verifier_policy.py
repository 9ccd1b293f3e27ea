"""A policy is a small file that says what is asked, and a mistake in it is told when it loads."""

from datetime import timedelta

import pytest

from diptych.adapters.policy_files import PACKAGED, load_policies
from diptych.errors import FormatError
from diptych.protocols.openid4vp import dcql, registration
from diptych.protocols.openid4vp.dcql import BbsMeta
from diptych.roles.verifier.policy import Mechanism, by_id, parse
from tests.protocols.openid4vp_parties import NOW
from tests.verifying import POLICIES

TEXT = """
id = "over_18"
name = { en = "Over 18", fr = "Majorité" }
purpose = { en = "To sell alcohol", fr = "Pour vendre de l’alcool" }
zk_required = false
max_skew_seconds = 60
lifetime_seconds = 120

[[alternatives]]
doc_type = "eu.europa.ec.av.1"
namespace = "eu.europa.ec.av.1"
claims = { age_over_18 = true }

[[alternatives]]
doc_type = "org.iso.18013.5.1.mDL"
namespace = "org.iso.18013.5.1"
claims = { age_over_18 = true, issuing_country = "UT", birth_date = 1971-09-01, sex = 2 }
"""


def test_a_policy_says_what_is_asked() -> None:
    policy = parse(TEXT.encode())
    assert (policy.id, policy.name.fr, policy.zk_required) == ("over_18", "Majorité", False)
    assert (policy.max_skew, policy.lifetime) == (timedelta(seconds=60), timedelta(seconds=120))
    licence = policy.alternatives[1]
    assert [(claim.identifier, claim.encoded_value) for claim in licence.claims] == [
        ("age_over_18", b"\xf5"),
        ("issuing_country", b"\x62UT"),
        ("birth_date", b"\xd9\x03\xec\x6a1971-09-01"),
        ("sex", b"\x02"),
    ]


def test_the_least_revealing_answers_are_asked_for_first() -> None:
    query = parse(TEXT.encode()).query(now=NOW)
    assert [credential.id for credential in query.credentials] == ["0-longfellow", "1-longfellow", "0-mdoc", "1-mdoc"]
    (alternatives,) = query.credential_sets
    assert alternatives.options == (("0-longfellow",), ("1-longfellow",), ("0-mdoc",), ("1-mdoc",))
    assert {credential.format for credential in query.credentials} == {dcql.MDOC, dcql.MDOC_ZK}
    for credential in query.credentials:
        assert all(claim.intent_to_retain is False for claim in credential.claims)
    assert dcql.parse(dcql.encode(query)) == query


def test_expected_values_are_asked_for_by_value_so_that_wrong_ones_are_not_sent() -> None:
    claims = parse(TEXT.encode()).query(now=NOW).credentials[1].claims
    assert [claim.values for claim in claims] == [(True,), ("UT",), (), (2,)]


def test_a_plain_answer_is_not_asked_for_where_zero_knowledge_is_required() -> None:
    policy = parse(TEXT.replace("zk_required = false", "zk_required = true").encode())
    assert {mechanism for _, mechanism in policy.answers().values()} == {Mechanism.LONGFELLOW}


def test_what_is_registered_covers_what_is_asked_and_no_more() -> None:
    for policy in POLICIES.values():
        use = policy.registered_use()
        registration.check_covers(use, policy.query(now=NOW))
        asked = {claim.identifier for found in policy.alternatives for claim in found.claims}
        asked |= {statement for found in policy.alternatives for statement in found.statements}
        assert {identifier for found in use.claims for identifier in found.identifiers} == asked


def test_the_packaged_policies_load() -> None:
    assert sorted(POLICIES) == [
        "age_on_the_day",
        "drive_category_b",
        "identity_name",
        "licence_stands",
        "over_18",
        "resident",
        "same_customer",
    ]
    assert POLICIES["over_18"].zk_required
    assert all(path.stem in POLICIES for path in PACKAGED.glob("*.toml"))
    assert load_policies() == POLICIES


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (('id = "over_18"', ""), "policy.id"),
        (('id = "over_18"', 'id = "Over 18"'), "policy.id"),
        (('fr = "Majorité"', 'de = "Volljährig"'), "policy.name"),
        (('en = "To sell alcohol"', 'en = ""'), "policy.purpose"),
        (('en = "To sell alcohol"', 'en = "\\u202e"'), "policy.purpose"),
        (("zk_required = false", 'zk_required = "no"'), "policy.zk_required"),
        (("zk_required", "zk_requierd"), "policy.unknown"),
        (("zk_required = false", "store_document = true"), "policy.unknown"),
        (("max_skew_seconds = 60", "max_skew_seconds = 0"), "policy.max_skew_seconds"),
        (("max_skew_seconds = 60", "max_skew_seconds = 86400"), "policy.max_skew_seconds"),
        (("max_skew_seconds = 60", "max_skew_seconds = true"), "policy.max_skew_seconds"),
        (("lifetime_seconds = 120", "lifetime_seconds = 1.5"), "policy.lifetime_seconds"),
        (('namespace = "org.iso.18013.5.1"', ""), "policy.namespace"),
        (('namespace = "org.iso.18013.5.1"', 'namespace = "a\\u0000b"'), "policy.namespace"),
        (('doc_type = "eu.europa.ec.av.1"', "doc_type = 7"), "policy.doc_type"),
        (("claims = { age_over_18 = true }", ""), "policy.claims"),
        (("claims = { age_over_18 = true }", 'reveal = ["a", "a"]'), "policy.claims"),
        (("claims = { age_over_18 = true }", "claims = { age_over_18 = 1.5 }"), "policy.claims"),
        (("claims = { age_over_18 = true }", "claims = { height = -1 }"), "policy.provable"),
        (("claims = { age_over_18 = true }", 'claims = { name = "' + "a" * 60 + '" }'), "policy.provable"),
        (("claims = { age_over_18 = true }", 'reveal = ["a", "b", "c", "d", "e"]'), "policy.provable"),
        (("claims = { age_over_18 = true }", 'reveal = ["an_identifier_that_is_too_long"]'), "policy.provable"),
        (("claims = { age_over_18 = true }", "keep = true"), "policy.unknown"),
        (("claims = { age_over_18 = true }", 'reveal = ["a"]\nmechanisms = ["trust me"]'), "policy.mechanisms"),
        (("claims = { age_over_18 = true }", 'reveal = ["a"]\nmechanisms = []'), "policy.mechanisms"),
        (("claims = { age_over_18 = true }", 'claims = ["age_over_18"]'), "policy.claims"),
        (("claims = { age_over_18 = true }", 'reveal = "age_over_18"'), "policy.claims"),
        (("[[alternatives]]", "[[other]]"), "policy.unknown"),
        (("[[alternatives]]", "[alternatives"), "toml"),
    ],
)
def test_a_mistake_in_a_policy_is_named(change: tuple[str, str], check: str) -> None:
    with pytest.raises(FormatError) as error:
        parse(TEXT.replace(*change).encode())
    assert error.value.check == check


def test_a_policy_of_another_shape_or_size_is_refused() -> None:
    head = TEXT.partition("[[alternatives]]")[0]
    for text, check in (
        (head, "policy.alternatives"),
        (head + 'alternatives = ["over_18"]', "policy.alternatives"),
        (head + 'alternatives = "over_18"', "policy.alternatives"),
        (head + "alternatives = []", "policy.alternatives"),
        (TEXT + "#" * 70_000, "policy.size"),
    ):
        with pytest.raises(FormatError) as error:
            parse(text.encode())
        assert error.value.check == check


def test_zero_knowledge_cannot_be_required_where_it_is_not_offered() -> None:
    text = TEXT.replace("zk_required = false", "zk_required = true").replace(
        "claims = { age_over_18 = true }\n", 'claims = { age_over_18 = true }\nmechanisms = ["mdoc"]\n'
    )
    with pytest.raises(FormatError, match=r"policy\.zk_required"):
        parse(text.encode())


def test_two_policies_of_one_name_and_none_at_all_are_refused() -> None:
    policy = parse(TEXT.encode())
    with pytest.raises(FormatError, match=r"policy\.id"):
        by_id([policy, policy])
    with pytest.raises(FormatError, match=r"policy\.none"):
        by_id([])


FAST = b"""
id = "fast"
name = { en = "Fast", fr = "Vite" }
purpose = { en = "To test.", fr = "Pour essayer." }
zk_required = true
[[alternatives]]
doc_type = "org.iso.18013.5.1.mDL"
claims = { category_B_valid = true }
prove = ["age >= 18", "not revoked"]
"""


def test_what_the_fast_suite_proves_is_asked_with_validity_always_among_it() -> None:
    policy = parse(FAST)
    (credential,) = policy.query(now=NOW, epochs=["20261128T120000Z"]).credentials
    assert isinstance(credential.meta, BbsMeta)
    assert credential.format == "bbs_zk"
    assert credential.meta.statements == ("valid", "age >= 18", "not revoked")
    assert (credential.meta.on, credential.meta.epochs) == (NOW.date(), ("20261128T120000Z",))
    assert credential.claims[0].values == (1,)
    assert dcql.parse(dcql.encode(policy.query(now=NOW))) == policy.query(now=NOW)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ((b'"age >= 18"', b'"age > 18"'), "policy.prove"),
        ((b'"age >= 18"', b'"birth_date <= 2008-01-01"'), "policy.prove"),
        ((b'prove = ["age >= 18", "not revoked"]', b"prove = []"), "policy.prove"),
        ((b'prove = ["age >= 18", "not revoked"]', b'prove = "age >= 18"'), "policy.prove"),
        ((b"prove =", b'mechanisms = ["bbs", "longfellow"]\nprove ='), "policy.prove"),
        ((b"category_B_valid = true", b"revocation_id = 7"), "policy.prove"),
        ((b'"age >= 18", "not revoked"', b'"age >= 18", "age >= 18"'), None),
    ],
)
def test_what_cannot_be_proved_does_not_load(change: tuple[bytes, bytes], check: str | None) -> None:
    if check is None:
        assert parse(FAST.replace(*change)).alternatives[0].statements == ("valid", "age >= 18")
        return
    with pytest.raises(FormatError) as refused:
        parse(FAST.replace(*change))
    assert refused.value.check == check


@pytest.mark.parametrize(
    "change",
    [
        {"statements": ["age > 18"]},
        {"statements": []},
        {"on": "today"},
        {"on": None},
        {"epochs": [7]},
        {"doctype_value": ""},
    ],
)
def test_a_query_that_asks_something_else_is_refused(change: dict[str, object]) -> None:
    encoded = dcql.encode(parse(FAST).query(now=NOW))
    encoded["credentials"][0]["meta"].update(change)  # type: ignore[index,call-overload,union-attr]
    with pytest.raises(FormatError):
        dcql.parse(encoded)
