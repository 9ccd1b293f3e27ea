"""A backup reads as the wallet that it is, to its last byte, or is a FormatError; whoever changes it is noticed."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.crypto.passphrase import Hardness
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats.cbor import CborValue, decode, encode
from diptych.private import Secret
from diptych.roles.wallet.backup import (
    SIZE_CLASSES,
    Backup,
    open_backup,
    parse_backup,
    parse_plaintext,
    seal_backup,
)
from diptych.roles.wallet.backup import _encode as encode_plaintext
from diptych.roles.wallet.backup import _pad as pad
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Life, Standing
from diptych.roles.wallet.ports import Key, Kind
from tests.play import Play

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
SECRET = Secret(b"another seal entirely")


@cache
def specimen() -> Backup:
    play = Play()
    play.receive()
    return Backup(play.now, False, play.store.read())


@cache
def content() -> bytes:
    return encode_plaintext(specimen())


@cache
def sealed() -> bytes:
    return seal_backup(specimen(), SECRET, hardness=EASY, entropy=os.urandom)


def test_a_backup_reads_back_as_it_was_written() -> None:
    assert open_backup(parse_backup(sealed()), SECRET, least=EASY) == specimen()
    assert parse_backup(sealed()).encode() == sealed()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_backup_or_a_format_error(data: bytes) -> None:
    with suppress(FormatError):
        assert parse_backup(data).encode() == data


@given(st.binary(max_size=300))
def test_any_plaintext_is_a_wallet_or_a_format_error(data: bytes) -> None:
    for plaintext in (data, pad(data)):
        try:
            parse_plaintext(plaintext)
        except FormatError:
            continue


@given(st.data())
def test_a_changed_plaintext_is_what_it_says_or_a_format_error(data: st.DataObject) -> None:
    changed = bytearray(pad(content()))
    changed[data.draw(st.integers(0, len(content()) + 20))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = parse_plaintext(bytes(changed))
    except FormatError:
        return
    assert pad(encode_plaintext(found)) == bytes(changed)


def open_cheaply(data: bytes) -> None:
    found = parse_backup(data)
    if found.hardness.memory_kib > 4096 or found.hardness.iterations > 8:
        raise FormatError("passphrase.hardness", "a file may ask that much: not that a fuzz target pays for it")
    open_backup(found, SECRET, least=EASY)


@given(st.data())
def test_a_changed_file_opens_nowhere(data: st.DataObject) -> None:
    changed = bytearray(sealed())
    # The head, where every byte means something, as often as the rest.
    last = data.draw(st.sampled_from([160, len(changed) - 1]))
    changed[data.draw(st.integers(0, last))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((FormatError, Refused, VerificationError)):
        open_cheaply(bytes(changed))


@pytest.mark.parametrize("defect", ["trust", "grant", "document", "renamed", "retired"])
def test_what_is_no_whole_wallet_is_refused(defect: str) -> None:
    entries = dict(specimen().entries)
    first = {key.kind: key for key in entries}
    if defect in ("trust", "grant", "document"):
        del entries[first[Kind(defect)]]
    elif defect == "renamed":
        entries[Key(Kind.COPY, "another")] = entries.pop(first[Kind.COPY])
    else:
        contents = Contents(entries)
        contents.put_standing(Standing(Life.RETIRED, specimen().made_at))
        entries = contents.entries()
    with pytest.raises(FormatError):
        parse_plaintext(pad(encode_plaintext(Backup(specimen().made_at, False, entries))))


def unknown_kind(found: dict[str, object], entries: list[object]) -> object:
    return {**found, "entries": [*entries, ["wish", "1", b""]]}


def first_entry_twice(found: dict[str, object], entries: list[object]) -> object:
    return {**found, "entries": [entries[0], *entries]}


def entries_in_another_order(found: dict[str, object], entries: list[object]) -> object:
    return {**found, "entries": entries[::-1]}


def members_in_another_order(found: dict[str, object], entries: list[object]) -> object:
    return dict(reversed(found.items()))


def one_member_more(found: dict[str, object], entries: list[object]) -> object:
    return {**found, "more": None}


def no_truth_value(found: dict[str, object], entries: list[object]) -> object:
    return {**found, "move": 1}


@pytest.mark.parametrize(
    "damage",
    [
        unknown_kind,
        first_entry_twice,
        entries_in_another_order,
        members_in_another_order,
        one_member_more,
        no_truth_value,
    ],
)
def test_what_is_written_in_another_way_is_refused(damage: Callable[..., CborValue]) -> None:
    found = decode(content())
    assert isinstance(found, dict)
    with pytest.raises(FormatError):
        parse_plaintext(pad(encode(damage(found, found["entries"]))))


@pytest.mark.parametrize("size", [0, 1, SIZE_CLASSES[0] - 1, SIZE_CLASSES[0] + 1])
def test_a_sealed_part_of_no_size_class_is_refused(size: int) -> None:
    found = parse_backup(sealed())
    with pytest.raises(FormatError):
        parse_backup(
            type(found)(found.hardness, found.salt, (found.sealed + bytes(SIZE_CLASSES[0]))[: size + 61]).encode()
        )


def test_bytes_after_the_padding_or_other_than_zeros_are_refused() -> None:
    with pytest.raises(FormatError):
        parse_plaintext(pad(content())[:-1] + b"\x01")
    with pytest.raises(FormatError):
        parse_plaintext(pad(content()) + b"\x00")


def test_a_backup_that_was_made_cheap_to_guess_is_not_opened() -> None:
    with pytest.raises(FormatError, match=r"passphrase\.hardness_low"):
        open_backup(parse_backup(sealed()), SECRET)
