"""A passphrase gives one key, slowly; what a file may ask of the machine is bounded."""

import pytest

from diptych.crypto.passphrase import (
    DEFAULT_HARDNESS,
    LEAST_HARDNESS,
    MAX_MEMORY_KIB,
    Hardness,
    check_hardness,
    derive_key,
    harder,
)
from diptych.errors import FormatError
from diptych.private import Secret

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
SALT = bytes(range(16))


def test_the_same_passphrase_salt_and_hardness_give_the_same_key() -> None:
    assert derive_key(Secret(b"seven seals"), salt=SALT, hardness=EASY) == derive_key(
        Secret(b"seven seals"), salt=SALT, hardness=EASY
    )


@pytest.mark.parametrize(
    ("passphrase", "salt", "hardness"),
    [
        (b"Seven seals", SALT, EASY),
        (b"seven seals", bytes(16), EASY),
        (b"seven seals", SALT, Hardness(memory_kib=128, iterations=1, lanes=1)),
        (b"seven seals", SALT, Hardness(memory_kib=64, iterations=2, lanes=1)),
        (b"seven seals", SALT, Hardness(memory_kib=64, iterations=1, lanes=2)),
    ],
)
def test_another_passphrase_salt_or_hardness_gives_another_key(
    passphrase: bytes, salt: bytes, hardness: Hardness
) -> None:
    first = derive_key(Secret(b"seven seals"), salt=SALT, hardness=EASY)
    assert derive_key(Secret(passphrase), salt=salt, hardness=hardness) != first


def test_an_accent_typed_on_another_keyboard_gives_the_same_key() -> None:
    composed, decomposed = "cl\u00e9".encode(), "cle\u0301".encode()
    assert composed != decomposed
    assert derive_key(Secret(composed), salt=SALT, hardness=EASY) == derive_key(
        Secret(decomposed), salt=SALT, hardness=EASY
    )


@pytest.mark.parametrize(
    "values", [(MAX_MEMORY_KIB + 1, 1, 1), (7, 1, 1), (15, 1, 2), (64, 0, 1), (64, 33, 1), (64, 1, 0), (1024, 1, 17)]
)
def test_hardness_beyond_what_a_file_may_ask_is_refused(values: tuple[int, int, int]) -> None:
    with pytest.raises(FormatError, match=r"passphrase\.hardness"):
        Hardness(*values)


def test_the_default_costs_at_least_256_mib_a_guess_in_one_lane() -> None:
    assert DEFAULT_HARDNESS.memory_kib >= 256 * 1024
    assert DEFAULT_HARDNESS.iterations >= LEAST_HARDNESS.iterations
    assert DEFAULT_HARDNESS.lanes == 1


def test_the_floor_is_what_rfc_9106_recommends_where_memory_is_scarce() -> None:
    assert (LEAST_HARDNESS.memory_kib, LEAST_HARDNESS.iterations) == (64 * 1024, 3)


@pytest.mark.parametrize("values", [(64 * 1024 - 1, 3, 1), (64 * 1024, 2, 1), (8, 1, 1), (1024 * 1024, 1, 1)])
def test_hardness_below_the_floor_is_refused(values: tuple[int, int, int]) -> None:
    with pytest.raises(FormatError, match=r"passphrase\.hardness_low"):
        check_hardness(Hardness(*values))


@pytest.mark.parametrize("hardness", [LEAST_HARDNESS, DEFAULT_HARDNESS, Hardness(128 * 1024, 3, 4)])
def test_the_floor_the_default_and_the_first_releases_files_are_accepted(hardness: Hardness) -> None:
    assert check_hardness(hardness) == hardness


def test_what_is_sealed_again_is_never_cheaper_than_before() -> None:
    assert harder(Hardness(512 * 1024, 3, 4), DEFAULT_HARDNESS) == Hardness(512 * 1024, 3, 1)
    assert harder(Hardness(64 * 1024, 8, 1), DEFAULT_HARDNESS) == Hardness(256 * 1024, 8, 1)


def test_a_passphrase_that_is_not_text_is_a_format_error() -> None:
    with pytest.raises(FormatError, match=r"passphrase\.utf8"):
        derive_key(Secret(b"\xff\xfe"), salt=SALT, hardness=EASY)
