"""The catalogue: no attribute loads without a reason, no value passes that its type or its proof cannot carry."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from diptych.adapters.catalogue_files import PACKAGED, load_catalogue
from diptych.errors import FormatError
from diptych.formats.catalogue import derived
from diptych.formats.catalogue.model import Bilingual, DocumentType
from diptych.formats.catalogue.parse import build_catalogue, parse_type
from diptych.formats.catalogue.values import check_values
from diptych.formats.cbor import CborValue, FullDate
from diptych.private import Personal

CATALOGUE = load_catalogue()
LICENCE = CATALOGUE.type("driving-licence")
PROOF_OF_AGE_FILE = (PACKAGED / "proof_of_age.toml").read_text(encoding="utf-8")
ON = date(2026, 11, 24)


def specimen(document_type: DocumentType) -> dict[str, object]:
    return {a.identifier: a.specimen for a in document_type.attributes if a.derived is None}


def changed(**values: object) -> dict[str, object]:
    return {**specimen(LICENCE), **values}


def test_the_packaged_types_load() -> None:
    assert set(CATALOGUE.types) == {
        "driving-licence",
        "identity-card",
        "residence-permit",
        "proof-of-age",
        "driving-entitlement",
    }
    found = CATALOGUE.by_doc_type("eu.europa.ec.av.1")
    assert found is not None
    assert found.id == "proof-of-age"
    assert CATALOGUE.by_doc_type("eu.europa.ec.av.2") is None
    with pytest.raises(FormatError, match="driving-entitlement, driving-licence"):
        CATALOGUE.type("fishing-licence")


def test_the_licence_has_the_mandatory_set_of_iso_18013_5_under_its_exact_identifiers() -> None:
    assert {a.identifier for a in LICENCE.attributes if a.mandatory} == {
        "family_name",
        "given_name",
        "birth_date",
        "issue_date",
        "expiry_date",
        "issuing_country",
        "issuing_authority",
        "document_number",
        "portrait",
        "driving_privileges",
        "un_distinguishing_sign",
    }
    assert (LICENCE.doc_type, LICENCE.namespace) == ("org.iso.18013.5.1.mDL", "org.iso.18013.5.1")
    assert {a.identifier for a in LICENCE.attributes if a.derived} == {f"age_over_{n}" for n in (16, 18, 21, 65)}


def test_the_identity_card_has_the_mandatory_set_of_the_pid_rulebook() -> None:
    assert {a.identifier for a in CATALOGUE.type("identity-card").attributes if a.mandatory} == {
        "family_name",
        "given_name",
        "birth_date",
        "place_of_birth",
        "nationality",
        "expiry_date",
        "issuing_authority",
        "issuing_country",
    }


def test_the_proof_of_age_says_one_thing_in_thirty_copies_for_less_than_three_months() -> None:
    proof = CATALOGUE.type("proof-of-age")
    assert [a.identifier for a in proof.attributes] == ["age_over_18"]
    assert proof.copies == 30
    assert proof.validity_days <= 90


@pytest.mark.parametrize("document_type", CATALOGUE.types.values(), ids=lambda found: found.id)
def test_every_attribute_states_its_reason_in_both_languages(document_type: DocumentType) -> None:
    for attribute in document_type.attributes:
        for words in (attribute.names, attribute.purpose):
            assert isinstance(words, Bilingual)
            assert words.en
            assert words.fr
        assert attribute.legal_basis


@pytest.mark.parametrize("key", ["purpose", "legal_basis", "retention", "sensitivity", "provable", "names", "kind"])
def test_an_attribute_without_a_reason_does_not_load(key: str) -> None:
    with pytest.raises(FormatError, match=f"age_over_18: '{key}' is missing"):
        parse_type(re.sub(rf"(?m)(?<=\[\[attributes\]\]\n)((?s:.*?))^{key} = .*\n", r"\1", PROOF_OF_AGE_FILE).encode())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('fr = "18 ans ou plus"', 'de = "18 oder älter"', "write it in both languages"),
        ('kind = "boolean"', 'kind = "truth"', "kind: write one of text, date"),
        ('retention = "renewal"', 'retention = "forever"', "retention: write one of order, renewal, register"),
        ("mandatory = true", "mandatory = 1", "write true or false"),
        ("mandatory = true", "mandatory = true\ncolour = 1", "'colour' is not known here"),
        ('derived = "age_over:18"', 'derived = "age_over:eighteen"', "age_over:NN or category_valid:CATEGORY"),
        ('derived = "age_over:18"', "specimen = true", "a renewable type has only derived, provable attributes"),
        ("provable = true", "provable = false", "a renewable type has only derived, provable attributes"),
        ("validity_days = 14", "validity_days = 91", "validity_days: write a number from 1 to 90"),
        ("copies = 30", "copies = 0", "copies: write a number from 1 to 100"),
        ('id = "proof-of-age"', 'id = "Proof of age"', "id: write lower-case words joined by hyphens"),
        ('doc_type = "eu', 'doc_typ = "eu', "doc_type: is missing"),
        ("[[attributes]]", "[attributes]", r"write one \[\[attributes\]\] table"),
        ("copies = 30", "copies = thirty", "not valid TOML: look at line"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_so_that_it_can_be_mended(old: str, new: str, message: str) -> None:
    assert old in PROOF_OF_AGE_FILE
    with pytest.raises(FormatError, match=message):
        parse_type(PROOF_OF_AGE_FILE.replace(old, new, 1).encode())


def test_an_identifier_that_stands_twice_is_refused() -> None:
    head, _, attribute = PROOF_OF_AGE_FILE.partition("[[attributes]]")
    with pytest.raises(FormatError, match="age_over_18: this identifier stands twice"):
        parse_type(f"{head}[[attributes]]{attribute}[[attributes]]{attribute}".encode())


@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("family_name", "cannot be proven in zero knowledge: the encoded value has"),
        ("portrait", "values of kind image cannot be proven"),
        ("driving_privileges", "values of kind privileges cannot be proven"),
    ],
)
def test_an_attribute_meant_for_proof_that_breaks_the_limits_does_not_load(identifier: str, message: str) -> None:
    text = (PACKAGED / "driving_licence.toml").read_text(encoding="utf-8")
    before, _, after = text.partition(f'identifier = "{identifier}"')
    with pytest.raises(FormatError, match=f"{identifier}: {message}"):
        parse_type(
            (before + f'identifier = "{identifier}"' + after.replace("provable = false", "provable = true", 1)).encode()
        )


def test_an_identifier_too_long_for_the_circuits_does_not_load() -> None:
    with pytest.raises(FormatError, match="cannot be proven in zero knowledge: an identifier"):
        parse_type(PROOF_OF_AGE_FILE.replace('"age_over_18"', '"age_over_18_in_this_country"').encode())


def test_types_that_contradict_one_another_are_no_catalogue() -> None:
    proof = parse_type(PROOF_OF_AGE_FILE.encode())
    with pytest.raises(FormatError, match="taken by another file"):
        build_catalogue([proof, proof])
    with pytest.raises(FormatError, match="no renewable type 'driving-entitlement'"):
        build_catalogue([proof, LICENCE])
    twin = parse_type(PROOF_OF_AGE_FILE.replace('id = "proof-of-age"', 'id = "twin"').encode())
    with pytest.raises(FormatError, match="same doc_type"):
        build_catalogue([proof, twin])


def test_a_deployment_adds_a_type_by_adding_a_file(tmp_path: Path) -> None:
    text = PROOF_OF_AGE_FILE.replace('id = "proof-of-age"', 'id = "proof-of-age-21"').replace(
        "eu.europa.ec.av.1", "x.y.1"
    )
    (tmp_path / "proof_of_age_21.toml").write_text(text, encoding="utf-8")
    assert "proof-of-age-21" in load_catalogue(tmp_path).types
    (tmp_path / "broken.toml").write_text("id = 1", encoding="utf-8")
    with pytest.raises(FormatError, match=r"broken\.toml"):
        load_catalogue(tmp_path)


def test_what_passed_once_passes_again_unchanged() -> None:
    for document_type in CATALOGUE.types.values():
        raw = specimen(document_type) or {a.identifier: True for a in document_type.attributes}
        values = check_values(document_type, raw)
        assert check_values(document_type, {name: value.reveal() for name, value in values.items()}) == values


def test_values_take_the_types_order_and_kinds() -> None:
    values = check_values(LICENCE, dict(reversed(changed(birth_date=date(1964, 8, 12)).items())))
    assert list(values) == [a.identifier for a in LICENCE.attributes if a.identifier in values]
    assert values["birth_date"].reveal() == FullDate("1964-08-12")
    portrait = values["portrait"].reveal()
    assert isinstance(portrait, bytes)
    assert portrait.startswith(b"\xff\xd8\xff")


BAD_VALUES: list[tuple[str, object]] = [
    ("family_name", ""),
    ("family_name", "A" * 151),
    ("family_name", "Muster\nmann"),
    ("family_name", " Mustermann"),
    ("family_name", 7),
    ("birth_date", "1964-08-12"),
    ("birth_date", ""),
    ("birth_date", datetime(1964, 8, 12, tzinfo=UTC)),
    ("birth_date", FullDate("1964-13-12")),
    ("issuing_country", "DEU"),
    ("issuing_country", "de"),
    ("un_distinguishing_sign", "LONG"),
    ("portrait", ""),
    ("portrait", "data:image/jpeg;base64,AAAA"),
    ("portrait", "data:image/jpeg;base64,!"),
    ("portrait", b"GIF89a"),
    ("portrait", b"\xff\xd8\xff" + bytes(512 * 1024)),
    ("driving_privileges", []),
    ("driving_privileges", "B"),
    ("driving_privileges", [{"vehicle_category_code": "Z"}]),
    ("driving_privileges", [{"vehicle_category_code": ["B"]}]),
    ("driving_privileges", [{"vehicle_category_code": "B", "issue_date": "yesterday"}]),
    ("driving_privileges", [{"vehicle_category_code": "B", "codes": [{}]}]),
    ("driving_privileges", [{"vehicle_category_code": "B", "extra": 1}]),
    ("driving_privileges", [{}]),
]


@pytest.mark.parametrize(("identifier", "value"), BAD_VALUES)
def test_a_bad_value_is_named_with_what_to_write_instead_and_never_repeated(identifier: str, value: object) -> None:
    with pytest.raises(FormatError) as raised:
        check_values(LICENCE, changed(**{identifier: value}))
    assert raised.value.check == "catalogue.values"
    assert raised.value.message.startswith(f"{identifier}: ")
    assert len(raised.value.message.splitlines()) == 1
    for personal in ("1964", "Muster", "yesterday", "LONG"):
        assert personal not in raised.value.message


def test_every_problem_is_listed_at_once() -> None:
    raw = changed(family_name="", birth_date="x", favourite_colour="blue")
    del raw["document_number"]
    with pytest.raises(FormatError) as raised:
        check_values(LICENCE, raw)
    lines = raised.value.message.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "favourite_colour",
        "family_name",
        "birth_date",
        "document_number",
    ]


def test_a_value_of_the_wrong_kind_in_a_choice_is_refused() -> None:
    permit = CATALOGUE.type("residence-permit")
    with pytest.raises(FormatError, match='status: write one of: "valid", "in_renewal", "ended"'):
        check_values(permit, {**specimen(permit), "status": "expired"})


def ages(born: str, day: date) -> dict[str, CborValue]:
    source: dict[str, Personal[CborValue]] = {"birth_date": Personal(FullDate(born))}
    return {name: value.reveal() for name, value in derived.derive(LICENCE, source, day=day).items()}


@pytest.mark.parametrize(
    ("born", "day", "over_18"),
    [
        ("2008-11-24", date(2026, 11, 24), True),
        ("2008-11-25", date(2026, 11, 24), False),
        ("2008-12-01", date(2026, 11, 24), False),
        ("2008-02-29", date(2026, 2, 28), False),
        ("2008-02-29", date(2026, 3, 1), True),
        ("2004-02-29", date(2022, 2, 28), False),
    ],
)
def test_ages_are_counted_to_the_day(born: str, day: date, over_18: bool) -> None:
    assert ages(born, day)["age_over_18"] is over_18


def entitlement(*privileges: dict[str, CborValue]) -> tuple[set[str], datetime | None]:
    source: dict[str, Personal[CborValue]] = {"driving_privileges": Personal([dict(p.items()) for p in privileges])}
    document_type = CATALOGUE.type("driving-entitlement")
    values = derived.derive(document_type, source, day=ON)
    assert set(values) == {a.identifier for a in document_type.attributes}
    held = tuple(a for a in document_type.attributes if values[a.identifier].reveal() is True)
    return {a.identifier for a in held}, derived.holds_until(held, source, day=ON)


def test_categories_hold_from_their_issue_to_the_end_of_their_expiry_date() -> None:
    assert entitlement({"vehicle_category_code": "B"}) == ({"category_B_valid"}, None)
    assert entitlement(
        {"vehicle_category_code": "B", "expiry_date": FullDate("2026-11-24")},
        {"vehicle_category_code": "C", "expiry_date": FullDate("2026-11-23")},
        {"vehicle_category_code": "D", "issue_date": FullDate("2026-11-25")},
    ) == ({"category_B_valid"}, datetime(2026, 11, 25, tzinfo=UTC))


def test_an_entitlement_ends_with_the_first_of_its_categories() -> None:
    categories, until = entitlement(
        {"vehicle_category_code": "B", "expiry_date": FullDate("2038-05-01")},
        {"vehicle_category_code": "C", "expiry_date": FullDate("2028-05-01")},
    )
    assert categories == {"category_B_valid", "category_C_valid"}
    assert until == datetime(2028, 5, 2, tzinfo=UTC)
