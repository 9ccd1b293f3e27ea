"""Notes and verifier keys: the specification's examples, and what it forbids."""

import base64

import pytest

from diptych.crypto.log_signing import verify
from diptych.errors import FormatError
from diptych.formats.tlog.note import MAX_SIGNATURES, Note, SignatureType, VerifierKey, parse_note, parse_vkey
from tests.formats.tlog_specimen import LOG_SIGNERS, WITNESS_SIGNERS

# signed-note, "Example" and its first page.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore "
    "NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
SIGNATURE = EXAMPLE.splitlines()[2]


def test_the_example_of_the_specification_verifies() -> None:
    key, note = parse_vkey(VKEY), parse_note(EXAMPLE.encode())
    (signature,) = note.signatures
    assert signature.is_from(key)
    verify(key.signature_type.algorithm, key.public_key, signature.signature, note.text.encode())
    assert note.encode() == EXAMPLE.encode()
    assert key.encode() == VKEY


def test_the_last_empty_line_ends_the_text() -> None:
    note = parse_note(POEM.encode())
    assert note.text.endswith("sole:\n\ned è subito sera.\n")
    assert note.encode() == POEM.encode()


def test_keys_of_every_type_are_written_and_read_back() -> None:
    for signer in (*LOG_SIGNERS, *WITNESS_SIGNERS[0]):
        assert parse_vkey(signer.verifier_key.encode()) == signer.verifier_key


def test_one_public_key_under_two_types_has_two_key_ids() -> None:
    key = parse_vkey(VKEY)
    assert VerifierKey(key.name, SignatureType.ED25519_COSIGNATURE, key.public_key).key_id != key.key_id


def test_at_least_sixteen_signatures_are_read_and_a_flood_is_not() -> None:
    note = parse_note(EXAMPLE.encode())
    many = Note(note.text, note.signatures * MAX_SIGNATURES)
    assert parse_note(many.encode()) == many
    with pytest.raises(FormatError, match=r"tlog\.note\.signatures"):
        parse_note(Note(note.text, note.signatures * (MAX_SIGNATURES + 1)).encode())


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "text",
        "text\n",
        "text\n\n",
        f"text\n{SIGNATURE}\n",
        EXAMPLE[:-1],
        EXAMPLE.replace("is an", "is\tan"),
        EXAMPLE.replace("is an", "is\r\nan"),
        EXAMPLE.replace("— ", "- "),
        EXAMPLE.replace("— example", "—  example"),
        EXAMPLE.replace("com/foo", "com/f+o"),
        EXAMPLE.replace("com/foo", "com/f\u00a0o"),
        EXAMPLE.replace("— example.com/foo ", "—  "),
        EXAMPLE.replace("example.com/foo ", "example.com/foo"),
        EXAMPLE.replace("aQM=", "aQM"),
        EXAMPLE.replace("aQM=", "aQN="),
        EXAMPLE.replace("aQM=", "aQ_="),
        EXAMPLE.replace("aQM=", "aQM= "),
        "text\n\n— name " + base64.b64encode(b"1234").decode() + "\n",
        EXAMPLE + "\n",
        EXAMPLE + "text\n",
        EXAMPLE.replace("example.com/foo", "n" * 256),
    ],
)
def test_nonsense_is_refused(damaged: str) -> None:
    with pytest.raises(FormatError):
        parse_note(damaged.encode())


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(FormatError):
        parse_note(b"\xff" + EXAMPLE.encode())


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "example.com/foo",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("530d903a", "530D903A"),
        VKEY.replace("example.com/foo", ""),
        VKEY.replace("com/foo", "com foo"),
        VKEY + "=",
        VKEY[:-4],
        VKEY.replace("+Ae", "+Be"),
        "example.com/foo+530d903a+",
        "x\ny+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "\udcff+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_nonsense_for_a_key_is_refused(damaged: str) -> None:
    if damaged == VKEY:
        pytest.fail("the damage did nothing")
    with pytest.raises(FormatError):
        parse_vkey(damaged)
