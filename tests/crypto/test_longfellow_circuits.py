"""The circuits accepted are those that somebody looked at, in exactly these bytes, until a date."""

from datetime import timedelta
from pathlib import Path

import pytest
from pylongfellow.backends.google_cpp import circuit_id, zk_specs

from diptych.adapters.provers.circuit_files import read_circuit
from diptych.crypto.longfellow import CIRCUITS, SYSTEM, Engine, accepted_circuits, circuit_by_id, circuit_for
from diptych.crypto.longfellow.native import load
from diptych.errors import Refused, VerificationError
from tests.proving import NOW

# Version 5 is offered by the library and refused here: superseded, and nobody needs it.
REFUSED_VERSIONS = {5}


def test_every_circuit_that_the_library_offers_is_accepted_or_refused_on_purpose() -> None:
    offered = {
        (spec.system, spec.version, spec.num_attributes, spec.circuit_hash, spec.block_enc_hash, spec.block_enc_sig)
        for spec in zk_specs()
        if spec.version not in REFUSED_VERSIONS
    }
    assert offered == {
        (SYSTEM, one.version, one.attributes, one.circuit_hash, one.block_enc_hash, one.block_enc_sig)
        for one in CIRCUITS
    }


@pytest.mark.parametrize("circuit", CIRCUITS, ids=lambda circuit: circuit.file_name)
def test_the_installed_circuit_files_are_the_pinned_ones(circuit) -> None:
    data = read_circuit(circuit)
    load(Engine.GOOGLE_CPP, circuit, data)
    # What the library itself computes from the content, as a second opinion on the file.
    assert circuit_id(data) == circuit.circuit_hash


@pytest.mark.parametrize("engine", Engine)
def test_a_circuit_of_other_bytes_does_not_load_in_any_engine(engine: Engine) -> None:
    circuit = CIRCUITS[0]
    data = read_circuit(circuit)
    flipped = bytes([data[0] ^ 1]) + data[1:]  # isrg-rust would raise ZstdError, which is none of its own errors
    for damaged in (flipped, data[:-1], data + b"\0", b"", read_circuit(CIRCUITS[1])):
        with pytest.raises(VerificationError, match=r"zk\.circuit_bytes"):
            load(engine, circuit, damaged)


def test_version_seven_is_preferred_and_version_six_is_the_fallback() -> None:
    for attributes in range(1, 5):
        assert [circuit.version for circuit in accepted_circuits(attributes, now=NOW)] == [7, 6]
        assert circuit_for(attributes, now=NOW).version == 7
        assert circuit_for(attributes, now=NOW, version=6).version == 6


def test_there_is_no_circuit_for_five_claims_or_of_version_five() -> None:
    for arguments in ({"attributes": 5}, {"attributes": 0}, {"attributes": 1, "version": 5}):
        with pytest.raises(Refused, match=r"zk\.circuit"):
            circuit_for(now=NOW, **arguments)


@pytest.mark.parametrize("circuit", CIRCUITS, ids=lambda circuit: circuit.file_name)
def test_a_circuit_is_accepted_until_its_date_and_refused_after(circuit) -> None:
    assert circuit_by_id(circuit.zk_system_id, now=circuit.accepted_until) is circuit
    late = circuit.accepted_until + timedelta(seconds=1)
    with pytest.raises(VerificationError, match=r"zk\.circuit_expired"):
        circuit_by_id(circuit.zk_system_id, now=late)
    assert circuit not in accepted_circuits(circuit.attributes, now=late)


def test_unknown_and_superseded_circuits_are_refused_by_name() -> None:
    superseded = next(spec.circuit_hash for spec in zk_specs() if spec.version == 5)
    for name in (superseded, "", CIRCUITS[0].circuit_hash.upper(), CIRCUITS[0].circuit_hash + "\0"):
        with pytest.raises(VerificationError, match=r"zk\.circuit_unknown"):
            circuit_by_id(name, now=NOW)


def test_only_one_module_imports_the_native_library() -> None:
    source = Path(__file__).resolve().parents[2] / "src" / "diptych"
    importers = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(line.startswith(("import pylongfellow", "from pylongfellow")) for line in path.read_text().splitlines())
    }
    # `cli/bench_zk` has it in the text of the program that it measures against.
    assert importers == {"crypto/longfellow/native.py", "cli/bench_zk.py"}
