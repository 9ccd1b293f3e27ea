"""A proof is made from the requested items alone, in a process of its own; whatever cannot be proven says why."""

import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.provers import prover
from diptych.adapters.provers.prover import DisposableProver
from diptych.adapters.provers.verifier_pool import VerifierPool
from diptych.adapters.provers.worker_process import WorkerProcess
from diptych.crypto.longfellow import CIRCUITS, Engine
from diptych.crypto.signing import generate_signer
from diptych.errors import DiptychError, FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import FullDate
from diptych.formats.mdoc.device_response import DeviceResponse, DeviceSigned, parse_device_response
from diptych.formats.mdoc.present import present_with_mac
from diptych.formats.status_list.reference import StatusReference
from tests.proving import (
    AGE,
    LICENCE,
    LICENCE_ELEMENTS,
    LICENCE_NAMESPACE,
    NOW,
    TRANSCRIPT,
    Specimen,
    claim,
    prove,
    specimen,
)

ADULT = claim(AGE, "age_over_18", True)
MIB = 1024 * 1024


def _age(value: object = True, **more) -> Specimen:
    return specimen({AGE: {"age_over_18": value}}, **more)


def _arguments(document: Specimen, /, **changed) -> dict[str, object]:
    return {
        "document": document.present("age_over_18"),
        "issuer_key": document.signer.public_key,
        "transcript": TRANSCRIPT,
        "claims": [ADULT],
        "timestamp": NOW,
        "zk_system_id": CIRCUITS[0].zk_system_id,
        **changed,
    }


# What can be proven.


def test_one_fact_of_a_licence_of_33_attributes_is_proven() -> None:
    assert len(LICENCE_ELEMENTS) == 33
    licence = specimen({LICENCE_NAMESPACE: LICENCE_ELEMENTS}, doc_type=LICENCE)
    proven = prove(licence, claim(LICENCE_NAMESPACE, "age_over_18", True))
    with VerifierPool(workers=1, cross_check=True) as pool:
        pool.verify(**proven.statement())
        with pytest.raises(VerificationError, match=r"zk\.proof"):
            pool.verify(**proven.statement(claims=[claim(LICENCE_NAMESPACE, "age_over_18", False)]))


@pytest.mark.parametrize("version", [7, 6])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_one_to_four_facts_of_every_kind_are_proven_and_both_engines_agree(version: int, count: int) -> None:
    licence = specimen({LICENCE_NAMESPACE: LICENCE_ELEMENTS}, doc_type=LICENCE)
    names = ["birth_date", "age_in_years", "document_number", "portrait_capture_date"][:count]
    proven = prove(
        licence, *(claim(LICENCE_NAMESPACE, name, LICENCE_ELEMENTS[name]) for name in names), version=version
    )
    with VerifierPool(workers=1, cross_check=True) as pool:
        pool.verify(**proven.statement())


@pytest.mark.parametrize("version", [7, 6])
def test_a_document_that_names_its_status_is_proven_as_others_are(version: int) -> None:
    status = StatusReference(2**20 - 1, "https://issuer.example/status-lists/1")
    licence = specimen({LICENCE_NAMESPACE: LICENCE_ELEMENTS}, doc_type=LICENCE, status=status)
    proven = prove(licence, claim(LICENCE_NAMESPACE, "age_over_18", True), version=version)
    with VerifierPool(workers=1, cross_check=True) as pool:
        pool.verify(**proven.statement())


@pytest.mark.parametrize("version", [7, 6])
def test_a_namespace_that_the_faster_engine_does_not_know_is_proven_by_the_other(version: int) -> None:
    namespace = "example.utopia.driving_entitlement.1"
    document = specimen({namespace: {"category_B_valid": True, "category_A_valid": False}}, doc_type=namespace)
    proven = prove(document, claim(namespace, "category_B_valid", True), version=version)
    with VerifierPool(workers=1) as pool:
        pool.verify(**proven.statement())


@pytest.mark.parametrize("identifier", ["a", "i" * 23])
def test_the_longest_value_that_is_not_refused_can_be_proven(identifier: str) -> None:
    value = "v" * (44 if identifier == "a" else 23)
    document = specimen({AGE: {identifier: value, **{f"filler_{number}": True for number in range(40)}}})
    proven = prove(document, claim(AGE, identifier, value))
    with VerifierPool(workers=1, cross_check=True) as pool:
        pool.verify(**proven.statement())


@pytest.mark.parametrize(("version", "most"), [(7, 2531), (6, 2211)])
def test_the_largest_signed_object_that_is_not_refused_can_be_proven(version: int, most: int) -> None:
    def mso_size(document: Specimen) -> int:
        return len(document.issuer_signed.issuer_auth.unverified_payload or b"")

    count, doc_type = 1, "t"
    while mso_size(_many(count + 1, doc_type)) <= most:
        count += 1
    doc_type += "t" * (most - mso_size(_many(count, doc_type)))
    while mso_size(_many(count, doc_type)) > most:  # a longer name also needs a longer head
        doc_type = doc_type[:-1]
    document = _many(count, doc_type)
    assert most - 1 <= mso_size(document) <= most
    proven = prove(document, ADULT, version=version)
    with VerifierPool(workers=1, cross_check=True) as pool:
        pool.verify(**proven.statement())
    with pytest.raises(Refused, match=r"zk\.mso_size"):
        prove(_many(count, doc_type + "tt"), ADULT, version=version)


def _many(count: int, doc_type: str) -> Specimen:
    elements = {"age_over_18": True, **{f"filler_{number}": True for number in range(count - 1)}}
    return specimen({AGE: elements}, doc_type=doc_type)


# What cannot, each by its own name, before any process is made.


@pytest.fixture
def no_process(monkeypatch) -> None:
    def fail(self: WorkerProcess) -> None:
        raise AssertionError("a process was made for something that cannot be proven")

    monkeypatch.setattr(WorkerProcess, "start", fail)


@pytest.mark.usefixtures("no_process")
@pytest.mark.parametrize(
    ("value", "check"),
    [
        (-5, "value_negative"),
        ([1], "value_structured"),
        ({"a": 1}, "value_structured"),
        (1.5, "value_kind"),
        (2**40, "value_number"),
        ("v" * 60, "item_too_long"),
    ],
    ids=["negative", "array", "map", "float", "64-bit", "long"],
)
def test_items_on_which_the_prover_aborts_are_refused_by_name(value, check) -> None:
    with pytest.raises(Refused, match=rf"zk\.{check}"):
        DisposableProver().prove(**_arguments(_age(value)))


@pytest.mark.usefixtures("no_process")
def test_a_document_with_more_than_the_claimed_items_is_refused() -> None:
    licence = specimen({LICENCE_NAMESPACE: LICENCE_ELEMENTS}, doc_type=LICENCE)
    asked = [claim(LICENCE_NAMESPACE, "age_over_18", True)]
    for disclosed in ((*LICENCE_ELEMENTS,), ("age_over_18", "family_name"), ("age_over_21",)):
        with pytest.raises(Refused, match=r"zk\.unrequested_items"):
            DisposableProver().prove(**_arguments(licence, document=licence.present(*disclosed), claims=asked))


@pytest.mark.usefixtures("no_process")
def test_documents_of_another_namespace_or_of_two_are_refused() -> None:
    other = specimen({"example.other.1": {"age_over_18": True}})
    both = specimen({AGE: {"age_over_18": True}, "example.other.1": {"nickname": "Eri"}})
    for document in (other.present("age_over_18"), both.present("age_over_18", "nickname")):
        with pytest.raises(Refused, match=r"zk\.one_namespace"):
            DisposableProver().prove(**_arguments(other, document=document))


@pytest.mark.usefixtures("no_process")
def test_a_value_other_than_the_one_held_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"zk\.value"):
        DisposableProver().prove(**_arguments(_age(False)))


@pytest.mark.usefixtures("no_process")
def test_moments_outside_of_the_documents_validity_are_refused() -> None:
    document = _age(valid_from=NOW, valid_until=NOW + timedelta(days=14))
    with pytest.raises(VerificationError, match=r"zk\.not_yet_valid"):
        DisposableProver().prove(**_arguments(document, timestamp=NOW - timedelta(seconds=1)))
    with pytest.raises(VerificationError, match=r"zk\.expired"):
        DisposableProver().prove(**_arguments(document, timestamp=NOW + timedelta(days=14, seconds=1)))


@pytest.mark.usefixtures("no_process")
def test_documents_that_the_circuits_do_not_know_are_refused() -> None:
    document = _age()
    response = parse_device_response(document.present("age_over_18"))
    with_mac = present_with_mac(
        document.issuer_signed,
        doc_type=AGE,
        disclose={AGE: ["age_over_18"]},
        transcript=TRANSCRIPT,
        device_key=document.device,
        reader_key=generate_signer().public_key,
    )
    own_words = DeviceSigned(
        cbor.EncodedCbor(cbor.encode({AGE: {"nickname": "Eri"}})), response.documents[0].device_signed.device_auth
    )
    for refused, check in (
        (DeviceResponse((with_mac,)).encode(), "device_mac"),
        (document.present("age_over_18", device_signed=own_words), "device_namespaces"),
        (DeviceResponse(response.documents * 2).encode(), "one_document"),
        (DeviceResponse().encode(), "one_document"),
    ):
        with pytest.raises(Refused, match=rf"zk\.{check}"):
            DisposableProver().prove(**_arguments(document, document=refused))
    for nonsense in (b"", b"\x00", document.present("age_over_18")[:-1]):
        with pytest.raises(FormatError):
            DisposableProver().prove(**_arguments(document, document=nonsense))


@pytest.mark.usefixtures("no_process")
def test_circuits_that_do_not_fit_are_refused() -> None:
    document = _age()
    for zk_system_id, check in ((CIRCUITS[1].zk_system_id, "circuit_claims"), ("f" * 64, "circuit_unknown")):
        with pytest.raises(DiptychError, match=rf"zk\.{check}"):
            DisposableProver().prove(**_arguments(document, zk_system_id=zk_system_id))


@pytest.mark.parametrize("namespace", [AGE, "example.utopia.club_card.1"], ids=["google-cpp", "isrg-rust"])
def test_what_the_engine_cannot_prove_is_one_error_with_a_name(namespace: str) -> None:
    document = specimen({namespace: {"age_over_18": True}})
    asked = [claim(namespace, "age_over_18", True)]
    with pytest.raises(VerificationError, match=r"zk\.not_provable"):
        DisposableProver().prove(**_arguments(document, claims=asked, transcript=TRANSCRIPT[:-1] + b"\x08"))


# The process.


def test_proving_out_of_memory_or_time_is_said_by_name() -> None:
    document = _age()
    with pytest.raises(VerificationError, match=r"zk\.prover_crashed"):
        DisposableProver(memory_bytes=160 * MIB).prove(**_arguments(document))
    with pytest.raises(VerificationError, match=r"zk\.prover_timeout"):
        DisposableProver(timeout_seconds=0.2).prove(**_arguments(document))


def test_a_prover_that_is_killed_is_said_by_name_and_the_next_one_proves(monkeypatch) -> None:
    document = _age()
    made: list[WorkerProcess] = []

    class Watched(WorkerProcess):
        def start(self) -> None:
            super().start()
            made.append(self)

    monkeypatch.setattr(prover, "WorkerProcess", Watched)

    def kill_when_busy() -> None:
        while not made or made[0].pid is None:
            time.sleep(0.005)
        time.sleep(0.4)
        os.kill(made[0].pid, signal.SIGSEGV)

    thread = threading.Thread(target=kill_when_busy)
    thread.start()
    with pytest.raises(VerificationError, match=r"zk\.prover_crashed"):
        DisposableProver().prove(**_arguments(document))
    thread.join()
    assert DisposableProver().prove(**_arguments(document))
    assert len(made) == 2
    assert all(worker.pid is None for worker in made), "no process is left behind"


def test_an_input_that_aborts_the_native_prover_ends_only_its_process() -> None:
    # Past the check of the document: a negative number, on which google-cpp calls abort().
    document = _age(-5)
    task = prover.frames.Task(
        action=prover.frames.PROVE,
        zk_system_id=CIRCUITS[0].zk_system_id,
        issuer_key=prover.coordinates(document.signer.public_key),
        transcript=TRANSCRIPT,
        timestamp=NOW,
        doc_type=AGE,
        data=document.present("age_over_18"),
        claims=[claim(AGE, "age_over_18", -5)],
    )
    with pytest.raises(VerificationError, match=r"zk\.prover_crashed"):
        DisposableProver().run(task, Engine.GOOGLE_CPP)


def test_neither_arguments_nor_errors_nor_output_show_what_is_proven(monkeypatch, capfd) -> None:
    canary = "Mustermann-Canary-4711"
    document = specimen({AGE: {"family_name": canary}})
    seen: list[bytes] = []

    class Watched(WorkerProcess):
        def wait_until_ready(self) -> None:
            super().wait_until_ready()
            folder = Path(f"/proc/{self.pid}")
            seen.append((folder / "cmdline").read_bytes())

    monkeypatch.setattr(prover, "WorkerProcess", Watched)
    arguments = _arguments(document, document=document.present("family_name"))
    errors = []
    for claims, changed in (
        ([claim(AGE, "family_name", canary)], {"transcript": b"\x80"}),
        ([claim(AGE, "family_name", canary + "x")], {}),
        ([claim(AGE, "family_name", FullDate("1971-09-01"))], {}),
    ):
        with pytest.raises(DiptychError) as caught:
            DisposableProver().prove(**{**arguments, **changed, "claims": claims})
        errors.append(caught.value)
    printed = capfd.readouterr()
    for text in (*map(repr, errors), *map(str, errors), str(seen), printed.out, printed.err):
        assert "Canary" not in text
