"""The registry erases on an officer's order and enough trustees' word, and on nothing less."""

import os
from dataclasses import replace

import pytest

from diptych.crypto.signing import SoftwareSigner, fingerprint, generate_signer
from diptych.errors import DiptychError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import Role
from diptych.formats.record.sealing import FreshlySealed
from diptych.private import Personal
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.protocols.depositing.erasure import DELETION, ERASURE_ORDER, Deletion, Erasure, ErasureOrder
from diptych.protocols.enrolling.query import RECORD_QUERY, RecordQuery
from diptych.roles.registry import erasing
from tests.registry_town import RegistryTown
from tests.registry_world import content_of
from tests.trustee_town import PURPOSE


@pytest.fixture(scope="module")
def town() -> RegistryTown:
    made = RegistryTown()
    made.open_doors()
    return made


@pytest.fixture(scope="module")
def fresh(town: RegistryTown) -> FreshlySealed:
    return town.enrol(replace(content_of(), lookups={PURPOSE: town.values(b"marie")}))


def ordered(
    town: RegistryTown, fresh: FreshlySealed, *, signer: SoftwareSigner | None = None, record_hash: bytes | None = None
) -> UnverifiedStatement[ErasureOrder]:
    signer, version = signer or town.officer_signer, RecordVersion.of(fresh.signed)
    order = ErasureOrder(
        fingerprint(signer.public_key),
        version.record_id,
        record_hash or version.record_hash,
        "retention",
        Personal("E-7"),
        town.log.now,
    )
    return ERASURE_ORDER.sign(order, signer=signer)


def said(
    town: RegistryTown, on: UnverifiedStatement[ErasureOrder], index: int, **changed: bytes
) -> UnverifiedStatement[Deletion]:
    seat, content = town.seats[index - 1], on.unverified
    own = fingerprint(seat.signer.public_key)
    statement = Deletion(own, content.record_id, content.record_hash, on.digest, town.log.now)
    return DELETION.sign(replace(statement, **changed), signer=seat.signer)  # type: ignore[arg-type]


def refused(town: RegistryTown, fresh: FreshlySealed, erasure: Erasure) -> str:
    """The check by which it was refused; nothing of the record changed."""
    query = RECORD_QUERY.sign(
        RecordQuery(fingerprint(town.officer_signer.public_key), fresh.signed.unverified.record_id, town.log.now),
        signer=town.officer_signer,
    )
    with pytest.raises(DiptychError) as caught:
        erasing.erase(town.registry, erasure.encode(), now=town.log.now, entropy=os.urandom)
    assert town.registry.fetch(query.encode(), now=town.log.now) == fresh.signed.encode()
    return caught.value.check


def test_two_statements_are_too_few_and_one_twice_is_not_two(town: RegistryTown, fresh: FreshlySealed) -> None:
    order = ordered(town, fresh)
    two = (said(town, order, 1), said(town, order, 2))
    assert refused(town, fresh, Erasure(order, two)) == "erasure.too_few"
    assert refused(town, fresh, Erasure(order, (*two, said(town, order, 2)))) == "deletion.trustee"


def test_statements_about_something_else_do_not_count(town: RegistryTown, fresh: FreshlySealed) -> None:
    order = ordered(town, fresh)
    two = (said(town, order, 1), said(town, order, 2))
    for changed, check in (
        ({"order": bytes(32)}, "deletion.order"),
        ({"record_hash": bytes(32)}, "deletion.record"),
        ({"record_id": bytes(16)}, "deletion.record"),
    ):
        assert refused(town, fresh, Erasure(order, (*two, said(town, order, 3, **changed)))) == check


def test_a_statement_that_its_trustee_did_not_sign_does_not_count(town: RegistryTown, fresh: FreshlySealed) -> None:
    order = ordered(town, fresh)
    two = (said(town, order, 1), said(town, order, 2))
    forged = UnverifiedStatement(said(town, order, 3).unverified, said(town, order, 4).signature)
    assert refused(town, fresh, Erasure(order, (*two, DELETION.parse(_resigned(forged))))) == "signature"


def test_an_officer_without_that_role_or_an_order_for_another_version_erases_nothing(
    town: RegistryTown, fresh: FreshlySealed
) -> None:
    finder = generate_signer()
    town.admit(finder, roles=frozenset({Role.FIND, Role.ENROL}))
    by_finder = ordered(town, fresh, signer=finder)
    everybody = tuple(said(town, by_finder, index) for index in range(1, 6))
    assert refused(town, fresh, Erasure(by_finder, everybody)) == "officer.role"
    older = ordered(town, fresh, record_hash=bytes(32))
    everybody = tuple(said(town, older, index) for index in range(1, 6))
    assert refused(town, fresh, Erasure(older, everybody)) == "erasure.superseded"


def _resigned(forged: UnverifiedStatement[Deletion]) -> bytes:
    """The payload of one trustee under the signature of another."""
    signature = replace(forged.signature, unverified_payload=forged.unverified.encode())
    return signature.encode()
