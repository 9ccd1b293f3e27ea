"""DCQL: the standard's examples, what a wallet chooses, and what a verifier checks of the answer."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats.strict_json import Json
from diptych.protocols.openid4vp import dcql, zk
from diptych.protocols.openid4vp.dcql import ClaimQuery, CredentialQuery
from tests.vectors_folder import VECTORS

MDL = "org.iso.18013.5.1.mDL"
NAMESPACE = "org.iso.18013.5.1"
NOW = datetime(2026, 7, 1, tzinfo=UTC)
CIRCUIT = {"circuit_hash": "ab" * 32, "num_attributes": 1, "version": 7}


def examples() -> list[Path]:
    """None where the published vectors are absent: the test below is skipped then, and this module still read."""
    return sorted((VECTORS / "openid4vp" / "query_lang").glob("*.json"))


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_the_standards_example_parses_and_reencodes(path: Path) -> None:
    value = json.loads(path.read_text())
    assert dcql.encode(dcql.parse(value)) == value


def mdoc(query_id: str, *identifiers: str, form: str = dcql.MDOC) -> dict[str, Json]:
    meta: dict[str, Json] = {"doctype_value": MDL}
    if form == dcql.MDOC_ZK:
        meta["zk_system_type"] = [{"id": "one", "system": zk.LONGFELLOW, **CIRCUIT}]
    return {
        "id": query_id,
        "format": form,
        "meta": meta,
        "claims": [{"path": [NAMESPACE, identifier]} for identifier in identifiers],
    }


def least_revealing(credential: CredentialQuery) -> int:
    return 0 if credential.format == dcql.MDOC_ZK else 1


def everything(credential: CredentialQuery) -> bool:
    return True


def test_the_least_revealing_option_is_chosen_even_when_it_is_listed_last() -> None:
    query = dcql.parse(
        {
            "credentials": [mdoc("plain", "age_over_18"), mdoc("proof", "age_over_18", form=dcql.MDOC_ZK)],
            "credential_sets": [{"options": [["plain"], ["proof"]]}],
        }
    )
    assert [found.id for found in dcql.choose(query, can_answer=everything, cost=least_revealing)] == ["proof"]
    only_plain = dcql.choose(query, can_answer=lambda found: found.id == "plain", cost=least_revealing)
    assert [found.id for found in only_plain] == ["plain"]


def test_optional_sets_are_left_unanswered() -> None:
    query = dcql.parse(
        {
            "credentials": [mdoc("must", "a"), mdoc("nice", "b")],
            "credential_sets": [{"options": [["must"]]}, {"options": [["nice"]], "required": False}],
        }
    )
    assert [found.id for found in dcql.choose(query, can_answer=everything, cost=least_revealing)] == ["must"]


@pytest.mark.parametrize("sets", [None, [{"options": [["a", "b"]]}]])
def test_a_wallet_that_holds_only_half_answers_nothing(sets: Json) -> None:
    value: dict[str, Json] = {"credentials": [mdoc("a", "x"), mdoc("b", "y")]}
    if sets:
        value["credential_sets"] = sets
    with pytest.raises(Refused) as refused:
        dcql.choose(dcql.parse(value), can_answer=lambda found: found.id == "a", cost=least_revealing)
    assert (refused.value.check, refused.value.code) == ("dcql.unanswerable", "access_denied")


def test_claims_whose_value_does_not_match_count_as_absent() -> None:
    credential = CredentialQuery(
        "a", dcql.MDOC, dcql.MdocMeta(MDL), (ClaimQuery((NAMESPACE, "age_over_18"), values=(True,)),)
    )
    path = (NAMESPACE, "age_over_18")
    assert dcql.selected_claims(credential, {path: True}) == credential.claims
    assert dcql.selected_claims(credential, {path: False}) is None
    assert dcql.selected_claims(credential, {path: 1}) is None  # 6.3: the type matches too
    assert dcql.selected_claims(credential, {}) is None


def test_the_first_claim_set_that_can_be_given_is_given() -> None:
    claims = tuple(ClaimQuery((NAMESPACE, name), id=name) for name in ("a", "b", "c"))
    credential = CredentialQuery("x", dcql.MDOC, dcql.MdocMeta(MDL), claims, claim_sets=(("a", "b"), ("c",)))
    assert dcql.selected_claims(credential, {(NAMESPACE, "c"): 1, (NAMESPACE, "a"): 1}) == (claims[2],)
    assert dcql.selected_claims(credential, {(NAMESPACE, "b"): 1}) is None


def test_trusted_authorities_by_key_identifier() -> None:
    value = mdoc("a", "x") | {"trusted_authorities": [{"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]}
    credential = dcql.parse({"credentials": [value]}).credentials[0]
    assert dcql.check_authorities(credential, ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"])
    assert not dcql.check_authorities(credential, ["other"])


QUERY = dcql.parse(
    {
        "credentials": [mdoc("proof", "age_over_18", form=dcql.MDOC_ZK), mdoc("plain", "age_over_18")],
        "credential_sets": [{"options": [["proof"], ["plain"]]}],
    }
)


def test_one_option_is_a_complete_answer() -> None:
    dcql.check_answered(QUERY, {"plain": [b"1"]})


@pytest.mark.parametrize(
    ("answered", "check"),
    [
        ({}, "dcql.incomplete"),
        ({"other": [b"1"]}, "dcql.unasked"),
        ({"plain": [b"1", b"2"]}, "dcql.multiple"),
        ({"plain": []}, "dcql.multiple"),
    ],
)
def test_an_answer_to_another_question_is_refused_by_name(answered: dict[str, list[bytes]], check: str) -> None:
    with pytest.raises(VerificationError) as refused:
        dcql.check_answered(QUERY, answered)
    assert refused.value.check == check


def test_zk_parameters_are_read_flat_and_nested_and_written_flat() -> None:
    flat: dict[str, Json] = {"id": "one", "system": zk.LONGFELLOW, **CIRCUIT}
    nested: dict[str, Json] = {"id": "one", "system": zk.LONGFELLOW, "params": dict(CIRCUIT)}
    assert zk.parse([flat]) == zk.parse([nested])
    assert zk.parse(zk.encode(zk.parse([nested]))) == zk.parse([flat])


def test_systems_that_nobody_here_knows_are_passed_over() -> None:
    assert zk.parse([{"id": "x", "system": "another-system", "whatever": [1]}]) == ()


def test_a_circuit_is_chosen_by_claim_count_and_allow_list() -> None:
    offered = zk.offer(2, now=NOW) + zk.offer(1, now=NOW)
    system, circuit = zk.choose(offered, num_claims=1, now=NOW)
    assert (system.id, circuit.attributes) == (circuit.zk_system_id, 1)
    unknown = zk.parse([{"id": "one", "system": zk.LONGFELLOW, **CIRCUIT}])
    for systems, count, now in ((unknown, 1, NOW), (offered, 3, NOW), (offered, 1, NOW.replace(year=2099))):
        with pytest.raises(Refused, match=r"zk\.circuit"):
            zk.choose(systems, num_claims=count, now=now)


def test_what_is_offered_survives_the_wire() -> None:
    assert zk.parse(zk.encode(zk.offer(4, now=NOW))) == zk.offer(4, now=NOW)


def _edit(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(dcql.encode(QUERY)))
    change(value)
    return value


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda q: q.pop("credentials"), "dcql.credentials"),
        (lambda q: q.update(credentials=[]), "dcql.credentials"),
        (lambda q: q.update(credentials=q["credentials"] * 20), "dcql.credentials"),
        (lambda q: q["credentials"].append(q["credentials"][0]), "dcql.ids"),
        (lambda q: q["credentials"][0].update(id="a b"), "dcql.id"),
        (lambda q: q["credentials"][0].update(id=""), "dcql.id"),
        (lambda q: q["credentials"][0].pop("meta"), "dcql.meta"),
        (lambda q: q["credentials"][0]["meta"].pop("doctype_value"), "dcql.doctype_value"),
        (lambda q: q["credentials"][0]["meta"].pop("zk_system_type"), "zk.systems"),
        (lambda q: q["credentials"][0]["meta"]["zk_system_type"][0].update(circuit_hash="AB" * 32), "zk.circuit_hash"),
        (lambda q: q["credentials"][0]["meta"]["zk_system_type"][0].update(version=True), "json.version"),
        (lambda q: q["credentials"][0]["meta"]["zk_system_type"][0].update(num_attributes=-1), "zk.num_attributes"),
        (lambda q: q["credentials"][0]["meta"]["zk_system_type"][0].update(params={"version": 6}), "zk.params"),
        (lambda q: q["credentials"][0]["meta"]["zk_system_type"].append({"id": "one", "system": "x"}), "zk.ids"),
        (lambda q: q["credentials"][0].update(claims=[]), "dcql.claims"),
        (lambda q: q["credentials"][0].update(claims=q["credentials"][0]["claims"] * 2), "dcql.claims"),
        (lambda q: q["credentials"][0]["claims"][0].update(path=[NAMESPACE]), "dcql.path"),
        (lambda q: q["credentials"][0]["claims"][0].update(path=[NAMESPACE, None]), "dcql.path"),
        (lambda q: q["credentials"][0]["claims"][0].update(path=[NAMESPACE, True]), "dcql.path"),
        (lambda q: q["credentials"][0]["claims"][0].update(values=[1.5]), "dcql.values"),
        (lambda q: q["credentials"][0]["claims"][0].update(values=[]), "dcql.values"),
        (lambda q: q["credentials"][0]["claims"][0].update(intent_to_retain="yes"), "dcql.intent_to_retain"),
        (
            lambda q: q["credentials"][0].update(
                claims=[{"id": "a", "path": [NAMESPACE, "x"]}, {"id": "a", "path": [NAMESPACE, "y"]}]
            ),
            "dcql.claim.id",
        ),
        (lambda q: q["credentials"][0]["meta"]["zk_system_type"].append("longfellow"), "zk.system"),
        (lambda q: q["credentials"][0]["meta"]["zk_system_type"][0].update(id="x" * 300), "zk.id"),
        (lambda q: q["credentials"][0].update(multiple=1), "dcql.multiple"),
        (lambda q: q["credentials"][0].update(claim_sets=[["a"]]), "dcql.claim_sets"),
        (lambda q: q["credential_sets"][0].update(options=[["nobody"]]), "dcql.reference"),
        (lambda q: q["credential_sets"][0].update(options=[[]]), "dcql.option"),
        (lambda q: q["credential_sets"][0].update(required=None), "dcql.required"),
        (lambda q: q.update(credential_sets=[]), "dcql.credential_sets"),
    ],
)
def test_a_malformed_query_is_refused_by_name(change: Callable[[dict[str, Any]], object], check: str) -> None:
    with pytest.raises(FormatError) as refused:
        dcql.parse(_edit(change))
    assert refused.value.check == check


def test_unknown_properties_are_ignored() -> None:
    assert dcql.parse(_edit(lambda q: q.update(future=1) or q["credentials"][0].update(future={}))) == QUERY
