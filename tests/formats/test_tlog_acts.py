"""Entries, acts and labels: the vectors of docs/spec/acts.md, and every byte of an entry refused or meant."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.act import (
    SCHEMAS,
    Act,
    CommittedAct,
    Detail,
    batch_digest,
    commit,
    parse_act,
    verify_act,
)
from diptych.formats.tlog.entry import ENTRY_BYTES, NO_LABEL, ActorClass, ActType, Entry, parse_entry
from diptych.formats.tlog.label import ChainElement, asked_by, new_chain
from diptych.private import Personal, Secret

FOLDER = Path(__file__).parents[1] / "vectors" / "acts"
VECTORS: dict[str, Any] = json.loads((FOLDER / "vectors.json").read_text(encoding="utf-8"))  # JSON of our own making
DAY = date(2026, 11, 24)
POLICY_HASH = bytes(range(32))
DETAILS: Mapping[str, Detail] = {"type": "driving-licence", "count": 2, "credentials": bytes(32)}
ISSUED = Act(ActType.ISSUED, DAY, ActorClass.ISSUER, Personal(DETAILS))


def test_the_vectors_are_what_their_script_makes() -> None:
    made = subprocess.run([sys.executable, FOLDER / "make.py"], capture_output=True, check=True, text=True).stdout
    assert json.loads(made) == VECTORS


@pytest.mark.parametrize("vector", VECTORS["acts"], ids=lambda vector: vector["name"])
def test_acts_and_entries_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    act = parse_act(bytes.fromhex(vector["act"]))
    assert (act.act_type, act.day.isoformat(), act.actor) == (vector["type"], vector["day"], vector["actor"])
    shown = {name: v.hex() if isinstance(v, bytes) else v for name, v in act.details.reveal().items()}
    assert shown == vector["details"]
    committed = CommittedAct(act, Secret(bytes.fromhex(vector["salt"])))
    assert committed.commitment.hex() == vector["commitment"]
    entry = committed.entry(policy_hash=bytes.fromhex(vector["policy_hash"]), label=bytes.fromhex(vector["label"]))
    assert entry.encode().hex() == vector["entry"]
    assert parse_entry(entry.encode()) == entry
    assert tree.leaf_hash(entry.encode()).hex() == vector["leaf_hash"]
    assert verify_act(committed, entry=entry).act == act


def test_labels_are_those_of_the_vectors() -> None:
    start = ChainElement(Secret(bytes(range(32))))
    for vector, element in zip(VECTORS["labels"], start.forward(), strict=False):
        assert element.counter == vector["counter"]
        assert element.secret.reveal().hex() == vector["element"]
        assert element.label.hex() == vector["label"]
        assert element.asking.reveal().hex() == vector["asking"]
        assert asked_by(element.asking).hex() == vector["asked_by"]
        assert start.at(element.counter) == element


def test_a_batch_digest_shows_one_credential_without_the_others() -> None:
    batch = [bytes.fromhex(credential) for credential in VECTORS["batch"]["credentials"]]
    digest = batch_digest(batch)
    assert digest.hex() == VECTORS["batch"]["digest"]
    leaves = [tree.leaf_hash(credential) for credential in batch]
    path = tree.build_inclusion_proof(1, 3, tree.memory_nodes(leaves))
    tree.verify_inclusion(tree.leaf_hash(batch[1]), index=1, proof=path, size=3, expected_root=digest)
    with pytest.raises(ValueError, match="at least one"):
        batch_digest([])


def test_a_chain_runs_forward_only() -> None:
    chain = new_chain(os.urandom).at(4)
    assert chain.at(6).counter == 6
    with pytest.raises(FormatError, match=r"tlog\.label\.counter"):
        chain.at(3)


@pytest.mark.parametrize(("secret", "counter"), [(b"short", 0), (bytes(32), -1), (bytes(32), 2**32)])
def test_other_chain_elements_are_refused(secret: bytes, counter: int) -> None:
    with pytest.raises(FormatError, match=r"tlog\.label\.element"):
        ChainElement(Secret(secret), counter)


def test_labels_of_one_chain_are_unlike_and_none_is_its_element() -> None:
    elements = [element for element, _ in zip(new_chain(os.urandom).forward(), range(100), strict=False)]
    seen = {element.label for element in elements} | {element.secret.reveal() for element in elements}
    assert len(seen) == 200


def test_an_entry_has_one_length_whatever_the_act() -> None:
    for act_type in ActType:
        label = bytes([1]) * 32 if act_type.is_about_a_subject else NO_LABEL
        entry = Entry(act_type, DAY, ActorClass.AGENCY, label, bytes(32), POLICY_HASH)
        assert len(entry.encode()) == ENTRY_BYTES
        assert parse_entry(entry.encode()) == entry


ENTRY = commit(ISSUED, entropy=os.urandom).entry(policy_hash=POLICY_HASH, label=bytes([7]) * 32)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ENTRY.encode()[:-1],
        ENTRY.encode() + b"\x00",
        b"\x02" + ENTRY.encode()[1:],
        b"\x01\x00" + ENTRY.encode()[2:],
        b"\x01\x0d" + ENTRY.encode()[2:],
        b"\x01\xff" + ENTRY.encode()[2:],
        b"\x01\x23\x00" + ENTRY.encode()[3:],
        b"\x01\x23\xff" + ENTRY.encode()[3:],
        ENTRY.encode()[:3] + (2932897).to_bytes(4, "big") + ENTRY.encode()[7:],
        ENTRY.encode()[:7] + NO_LABEL + ENTRY.encode()[39:],
        b"\x01\x01" + ENTRY.encode()[2:],
    ],
)
def test_other_entries_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"tlog\.entry"):
        parse_entry(data)


def test_entries_that_cannot_be_written_are_not_made() -> None:
    for changed in ({"label": b"short"}, {"commitment": b""}, {"policy_hash": bytes(33)}, {"day": date(1969, 12, 31)}):
        with pytest.raises(FormatError, match=r"tlog\.entry"):
            replace(ENTRY, **changed)  # type: ignore[arg-type]  # each value is of its field's type


def test_a_commitment_is_opened_by_its_act_and_salt_alone() -> None:
    committed = commit(ISSUED, entropy=os.urandom)
    entry = committed.entry(policy_hash=POLICY_HASH, label=bytes([7]) * 32)
    assert verify_act(committed, entry=entry).entry is entry
    other_details = Act(ActType.ISSUED, DAY, ActorClass.ISSUER, Personal({**DETAILS, "count": 3}))
    for other in (replace(committed, salt=Secret(bytes(32))), replace(committed, act=other_details)):
        with pytest.raises(VerificationError, match=r"tlog\.act\.commitment"):
            verify_act(other, entry=entry)
    for changed in (
        replace(entry, act_type=ActType.RENEWED),
        replace(entry, actor=ActorClass.OFFICER),
        replace(entry, day=DAY + timedelta(days=1)),
    ):
        with pytest.raises(VerificationError, match=r"tlog\.act\.entry"):
            verify_act(committed, entry=changed)
    with pytest.raises(FormatError, match=r"tlog\.act\.salt"):
        CommittedAct(ISSUED, Secret(b"short"))


def test_every_act_type_has_a_schema() -> None:
    assert SCHEMAS.keys() == set(ActType)


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"type": "driving-licence", "count": 2},
        {**DETAILS, "family_name": "Mustermann"},
        {**DETAILS, "count": "2"},
        {**DETAILS, "count": True},
        {**DETAILS, "count": -1},
        {**DETAILS, "type": ""},
        {**DETAILS, "type": "x" * 1001},
        {**DETAILS, "credentials": bytes(31)},
    ],
)
def test_details_outside_the_schema_are_refused(details: dict[str, Detail]) -> None:
    with pytest.raises(FormatError, match=r"tlog\.act\.details"):
        Act(ActType.ISSUED, DAY, ActorClass.ISSUER, Personal(details))


def test_an_act_has_one_encoding() -> None:
    data = ISSUED.encode()
    assert parse_act(data) == ISSUED
    reordered = data.replace(b"\x64type\x6fdriving-licence\x65count\x02", b"\x65count\x02\x64type\x6fdriving-licence")
    assert reordered != data
    for damaged in (reordered, data + b"\x00", data[:-1], b"", b"\x80", b"\x85\x02" + data[2:], bytes(5000)):
        with pytest.raises(FormatError):
            parse_act(damaged)


def test_the_repr_of_an_act_says_nothing_about_its_subject() -> None:
    assert "driving" not in repr(commit(ISSUED, entropy=os.urandom))
    assert "0707" not in repr(ENTRY)
