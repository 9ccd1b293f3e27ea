"""The officer approves what the catalogue allows, seals it, and places one order however often it is tried."""

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from diptych.adapters.catalogue_files import load_catalogue
from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, Refused, Unavailable
from diptych.formats.order import codes, sealed, signed, standing, wraps
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.order.standing import Standing
from diptych.formats.order.wraps import Part
from diptych.protocols.openid4vci.offer import parse_offer
from diptych.roles.officer.fakes import MemoryAttempts, MemoryDesk
from diptych.roles.officer.model import Approval
from diptych.roles.officer.order_file import files_named, parse_order_file, template, with_files
from diptych.roles.officer.service import Officer

NOW = datetime(2026, 11, 24, 9, 30, 15, 123456, tzinfo=UTC)
ISSUER = "http://127.0.0.1:8811"
CATALOGUE = load_catalogue()
SIGNER = generate_signer()
LICENCE = template(CATALOGUE.type("driving-licence"), CATALOGUE, specimen=True)
PRIVILEGE_B = 'vehicle_category_code = "B"\nissue_date = 1982-09-14\nexpiry_date = 2038-05-01'


def officer(desk: MemoryDesk | None = None) -> Officer:
    return Officer(CATALOGUE, SIGNER, ISSUER, desk or MemoryDesk(), MemoryAttempts())


def approve(text: str, files: Mapping[str, bytes] | None = None) -> tuple[Approval, bytes]:
    desk = MemoryDesk()
    approval = officer(desk).approve(text.encode(), files or {}, now=NOW, entropy=os.urandom)
    assert len(desk.orders) == 1
    return approval, desk.orders[0]


def opened(approval: Approval, data: bytes, part: Part) -> dict[str, OrderedDocument]:
    """What the issuer sees once the citizen comes with both codes."""
    order = signed.verify_signed_order(
        signed.parse_signed_order(data), officers=[SIGNER.public_key], expected_issuer=ISSUER, now=NOW
    ).order
    half = order.full if part == "full" else order.renewal
    token = codes.both_codes(approval.offer.code, approval.tx_code)
    key = wraps.unwrap_key(half.wrapped_key, token, order_id=order.order_id, part=part, purpose="code")
    documents = sealed.open_part(half.sealed, key, order_id=order.order_id, part=part)
    return {document.type_id: document for document in documents}


def problems(text: str) -> list[str]:
    desk = MemoryDesk()
    with pytest.raises(FormatError) as raised:
        officer(desk).approve(text.encode(), {}, now=NOW, entropy=os.urandom)
    assert not desk.orders
    return raised.value.message.splitlines()


@pytest.mark.parametrize("type_id", sorted(CATALOGUE.types))
def test_a_specimen_template_is_approved_as_it_is(type_id: str) -> None:
    approval, data = approve(template(CATALOGUE.type(type_id), CATALOGUE, specimen=True))
    assert approval.documents[0] == type_id
    assert set(opened(approval, data, "full")) == set(approval.documents)


@pytest.mark.parametrize("type_id", sorted(CATALOGUE.types))
def test_an_unfilled_template_is_refused_attribute_by_attribute(type_id: str) -> None:
    document_type = CATALOGUE.type(type_id)
    found = problems(template(document_type, CATALOGUE, specimen=False))
    assert [line.partition(":")[0] for line in found] == [a.identifier for a in document_type.attributes if a.mandatory]


def test_a_licence_order_holds_licence_and_proofs_and_its_renewal_only_the_proofs_booleans() -> None:
    approval, data = approve(LICENCE)
    assert approval.documents == ("driving-licence", "proof-of-age", "driving-entitlement")
    full, renewal = opened(approval, data, "full"), opened(approval, data, "renewal")
    assert full["driving-licence"].attributes["family_name"].reveal() == "Mustermann"
    assert set(renewal) == {"proof-of-age", "driving-entitlement"}
    for document in renewal.values():
        assert all(isinstance(value.reveal(), bool) for value in document.attributes.values())
    assert renewal["proof-of-age"].attributes["age_over_18"].reveal() is True
    held = {name for name, value in renewal["driving-entitlement"].attributes.items() if value.reveal()}
    assert held == {"category_B_valid", "category_AM_valid"}


def test_ages_are_worked_out_on_the_day_of_approval() -> None:
    approval, data = approve(LICENCE.replace("1964-08-12", "2007-11-24").replace("2023-05-02", "2025-11-24"))
    licence = opened(approval, data, "full")["driving-licence"].attributes
    assert {n: licence[f"age_over_{n}"].reveal() for n in (16, 18, 21, 65)} == {
        16: True,
        18: True,
        21: False,
        65: False,
    }


def test_no_copy_outlives_the_document_or_the_privilege_that_it_proves() -> None:
    approval, data = approve(LICENCE.replace(PRIVILEGE_B, PRIVILEGE_B.replace("2038-05-01", "2027-02-28")))
    full = opened(approval, data, "full")
    assert full["driving-licence"].valid_until == datetime(2038, 5, 2, tzinfo=UTC)
    assert full["proof-of-age"].valid_until == datetime(2038, 5, 2, tzinfo=UTC)
    assert full["driving-entitlement"].valid_until == datetime(2027, 3, 1, tzinfo=UTC)
    approval, data = approve(LICENCE.replace("# valid_until = 2031-12-31", "valid_until = 2026-12-31"))
    ends = {document.valid_until for document in opened(approval, data, "full").values()}
    assert ends == {datetime(2027, 1, 1, tzinfo=UTC)}


def test_a_proof_in_which_nothing_would_be_true_is_left_out_and_said_so() -> None:
    minor = LICENCE.replace("1964-08-12", "2009-12-01").replace("2023-05-02", "2026-01-01")
    approval, _ = approve(minor)
    assert approval.left_out == ("proof-of-age",)
    assert approval.offer.configuration_ids == ("driving-licence", "driving-entitlement")
    listed = minor.replace("# documents =", "documents =")
    assert problems(listed) == ["documents: nothing in it would be true: proof-of-age"]


def test_the_officer_may_order_fewer_documents_and_no_others() -> None:
    approval, data = approve(LICENCE.replace('type = "', 'documents = ["proof-of-age"]\ntype = "', 1))
    assert approval.documents == ("proof-of-age",)
    assert set(opened(approval, data, "full")["proof-of-age"].attributes) == {"age_over_18"}
    (problem,) = problems(LICENCE.replace('type = "', 'documents = ["residence-permit"]\ntype = "', 1))
    assert problem.startswith("documents: with this type go only: driving-licence")


def test_the_offer_goes_by_value_and_carries_the_code_but_not_the_transaction_code() -> None:
    approval, data = approve(LICENCE)
    offer = parse_offer(approval.offer.link())
    assert offer.code == approval.offer.code
    assert offer.issuer == ISSUER
    assert offer.tx_code is not None
    assert offer.tx_code.length == 6 == len(approval.tx_code)
    assert approval.tx_code.reveal().isdigit()
    order = signed.parse_signed_order(data).unverified_order
    assert order.code_hash == hashlib.sha256(offer.code.reveal()).digest()
    assert order.expires_at == approval.expires_at == NOW.replace(microsecond=0) + timedelta(days=7)


def test_an_approval_does_not_print_its_codes() -> None:
    approval, _ = approve(LICENCE)
    for secret in (approval.offer.code, approval.tx_code):
        assert secret.reveal().decode() not in repr(approval)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[attributes]", "[attributes", "not valid TOML: look at line"),
        ('type = "driving-licence"', 'type = "driving-license"', "there is no document type of that name"),
        ('type = "driving-licence"', "", "type: write which document is ordered"),
        ("[attributes]", "", "is [attributes] missing"),
        ("[attributes]", "attributes = 1\n[other]", "attributes: write the person's attributes below a line"),
        ('type = "driving', 'typ = 1\ntype = "driving', "above [attributes] there are only type"),
        ("birth_date = 1964-08-12", "birth_date = 2030-01-01", "birth_date: this day is still to come"),
        ("birth_date = 1964-08-12", 'birth_date = "1964"', "birth_date: write a date without quotes"),
        ("issue_date = 2023-05-02", "issue_date = 2039-05-02", "issue_date: it lies after expiry_date"),
        ("issue_date = 2023-05-02", "issue_date = 1960-05-02", "issue_date: it lies before birth_date"),
        ("expiry_date = 2038-05-01", "expiry_date = 2026-11-23", "expiry_date: this day has passed"),
        ("birth_date = ", "age_over_18 = true\nbirth_date = ", "age_over_18: worked out at approval; remove the line"),
        ("# valid_until = 2031-12-31", "valid_until = 2026-11-23", "valid_until: this day has passed"),
        ("# valid_until = 2031-12-31", 'valid_until = "soon"', "valid_until: write a date without quotes"),
        ("# documents = [", "documents = [7, ", "documents: write ids in brackets"),
        (
            'vehicle_category_code = "B"',
            'vehicle_category_code = "Q"',
            "driving_privileges: vehicle_category_code is one",
        ),
    ],
)
def test_what_is_wrong_with_an_order_is_said_so_that_it_can_be_mended(old: str, new: str, problem: str) -> None:
    text = LICENCE.replace(old, new, 1)
    if old == "[attributes]" and "other" in new:
        text = text.replace("[[attributes.", "[[other.")
    assert text != LICENCE
    assert any(problem in line for line in problems(text))


def test_all_problems_of_an_order_come_at_once() -> None:
    found = problems(LICENCE.replace("birth_date = 1964-08-12", 'birth_date = ""\nage_over_18 = true\nhobby = "x"'))
    assert [line.partition(":")[0] for line in found] == ["hobby", "birth_date", "age_over_18"]


def test_a_picture_is_read_from_the_file_that_the_order_names() -> None:
    lines = ['portrait = "erika.jpg"' if line.startswith("portrait = ") else line for line in LICENCE.splitlines()]
    text, jpeg = "\n".join(lines), b"\xff\xd8\xff\xe0 a picture"
    document_type = CATALOGUE.type("driving-licence")
    assert files_named(parse_order_file(text.encode()), document_type) == ("erika.jpg",)
    approval, data = approve(text, {"erika.jpg": jpeg})
    assert opened(approval, data, "full")["driving-licence"].attributes["portrait"].reveal() == jpeg
    with pytest.raises(FormatError, match="portrait: the file that it names is not beside"):
        with_files(parse_order_file(text.encode()), document_type, {})


@pytest.mark.parametrize("name", ["../erika.jpg", "/etc/passwd", "pictures/erika.jpg", "..", ".ssh", "a\\\\b"])
def test_a_picture_elsewhere_is_not_read(name: str) -> None:
    order_file = parse_order_file(f'type = "driving-licence"\n[attributes]\nportrait = "{name}"'.encode())
    with pytest.raises(FormatError, match="plain file name"):
        files_named(order_file, CATALOGUE.type("driving-licence"))


def test_an_order_that_did_not_arrive_is_not_approved_and_trying_again_places_it_once() -> None:
    desk, attempts = MemoryDesk(), MemoryAttempts()
    workstation = Officer(CATALOGUE, SIGNER, ISSUER, desk, attempts)
    desk.fail_once("before")
    with pytest.raises(Unavailable):
        workstation.approve(LICENCE.encode(), {}, now=NOW, entropy=os.urandom)
    assert not desk.orders
    later = NOW + timedelta(hours=3)
    approval = workstation.approve(LICENCE.encode(), {}, now=later, entropy=os.urandom)
    assert len(desk.orders) == 1
    assert opened(approval, desk.orders[0], "full")
    assert not attempts.kept


def test_an_order_whose_answer_was_lost_is_placed_once_and_its_codes_open_it() -> None:
    desk = MemoryDesk()
    workstation = officer(desk)
    desk.fail_once("after")
    with pytest.raises(Unavailable):
        workstation.approve(LICENCE.encode(), {}, now=NOW, entropy=os.urandom)
    approval = workstation.approve(LICENCE.encode(), {}, now=NOW + timedelta(days=1), entropy=os.urandom)
    assert len(desk.orders) == 1
    assert opened(approval, desk.orders[0], "full")
    assert approval.expires_at == NOW.replace(microsecond=0) + timedelta(days=7)


def test_an_attempt_that_would_have_expired_is_begun_anew() -> None:
    desk = MemoryDesk()
    workstation = officer(desk)
    desk.fail_once("after")
    with pytest.raises(Unavailable):
        workstation.approve(LICENCE.encode(), {}, now=NOW, entropy=os.urandom)
    workstation.approve(LICENCE.encode(), {}, now=NOW + timedelta(days=7), entropy=os.urandom)
    assert len(desk.orders) == 2


def test_two_approvals_of_the_same_file_are_two_orders() -> None:
    desk = MemoryDesk()
    workstation = officer(desk)
    first = workstation.approve(LICENCE.encode(), {}, now=NOW, entropy=os.urandom)
    second = workstation.approve(LICENCE.encode(), {}, now=NOW, entropy=os.urandom)
    assert len(desk.orders) == 2
    assert first.offer.code != second.offer.code


def test_a_refused_order_is_not_tried_again_as_it_was() -> None:
    class Refusing(MemoryDesk):
        def submit(self, signed_order: bytes) -> None:
            raise Refused("order.officer", "no")

    attempts = MemoryAttempts()
    with pytest.raises(Refused):
        Officer(CATALOGUE, SIGNER, ISSUER, Refusing(), attempts).approve(
            LICENCE.encode(), {}, now=NOW, entropy=os.urandom
        )
    assert not attempts.kept


def test_an_order_is_found_again_by_the_number_that_approval_gives() -> None:
    approval, data = approve(LICENCE)
    assert signed.parse_signed_order(data).unverified_order.order_id == approval.order_id


def test_what_the_officer_says_of_an_order_is_signed_for_its_issuer_and_said_now() -> None:
    desk = MemoryDesk()
    declared = officer(desk).declare(b"o" * 16, Standing.SUSPENDED, "lost", now=NOW)
    assert (declared.standing, declared.is_in_force) == (Standing.SUSPENDED, True)
    (message,) = desk.standings
    said = standing.verify(standing.parse(message), officers=[SIGNER.public_key], expected_issuer=ISSUER, now=NOW).said
    assert (said.order_id, said.standing, said.reason) == (b"o" * 16, Standing.SUSPENDED, "lost")


def test_a_reason_that_is_not_in_the_list_is_refused_before_anything_is_sent() -> None:
    desk = MemoryDesk()
    with pytest.raises(FormatError, match=r"standing\.reason.*entitlement-withdrawn"):
        officer(desk).declare(b"o" * 16, Standing.REVOKED, "a nuisance", now=NOW)
    assert desk.standings == []
