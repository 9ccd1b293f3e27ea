"""Trust policies: the specification's example, every rule it states, and what a quorum is."""

import itertools

import pytest

from diptych.crypto.log_signing import Algorithm
from diptych.errors import FormatError
from diptych.formats.tlog.note import SignatureType
from diptych.formats.tlog.policy import parse_policy
from tests.formats.tlog_specimen import LOG_SIGNERS, POLICY, WITNESS_SIGNERS, signer

LOG = LOG_SIGNERS[0].verifier_key.encode()
LOG_ML_DSA = LOG_SIGNERS[1].verifier_key.encode()
KEYS = [signer(f"w{i}", SignatureType.ED25519_COSIGNATURE).verifier_key.encode() for i in range(6)]

EXAMPLE = f"""
# The example of the specification
log {LOG}

witness X1 {KEYS[0]}
witness X2 {KEYS[1]} https://x2.example
\twitness  X3\t{KEYS[2]}\x20
group X-witnesses 2 X1 X2 X3

witness Y1 {KEYS[3]}
witness Y2 {KEYS[4]}
  # indented
witness Y3 {KEYS[5]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_example_of_the_specification_means_what_it_says() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert policy.encode() == EXAMPLE.encode()
    assert policy.witnesses[b"X2"].url == "https://x2.example"
    for chosen in itertools.product((False, True), repeat=6):
        names = [name for name, is_chosen in zip(policy.witnesses, chosen, strict=True) if is_chosen]
        assert policy.is_quorum(names) == (sum(chosen[:3]) >= 2 and sum(chosen[3:]) >= 1)


def test_strangers_do_not_make_a_quorum() -> None:
    policy = parse_policy(EXAMPLE.encode())
    assert not policy.is_quorum([b"X1", b"stranger", b"Y1"])
    assert not policy.is_quorum([b"X-witnesses", b"Y-witnesses"])


@pytest.mark.parametrize("text", ["quorum none", "quorum none\n", f"log {LOG}\r".replace("\r", "") + "\nquorum none"])
def test_no_quorum_may_be_asked_for(text: str) -> None:
    assert parse_policy(text.encode()).is_quorum([])


def test_one_witness_may_be_the_quorum() -> None:
    policy = parse_policy(f"witness x {KEYS[0]}\nquorum x\n".encode())
    assert policy.is_quorum([b"x"])
    assert not policy.is_quorum([])


def test_names_are_octets() -> None:
    kelvin = "\u212a".encode()
    policy = parse_policy(b"witness K %s\nwitness %s %s\nquorum K\n" % (KEYS[0].encode(), kelvin, KEYS[1].encode()))
    assert policy.is_quorum([b"K"])
    assert not policy.is_quorum([kelvin])
    assert parse_policy(b"# \xff\xfe\nwitness \xff %s\nquorum \xff\n" % KEYS[0].encode()).is_quorum([b"\xff"])


W = f"witness a {KEYS[0]}\nwitness b {KEYS[1]}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        W,
        "quorum a\n" + W,
        W + "quorum c\n",
        W + "quorum a\nquorum a\n",
        W + "quorum\n",
        W + "quorum a b\n",
        W + "nonsense\n",
        W + "Quorum a\n",
        W + "group g 0 a\nquorum g\n",
        W + "group g 3 a b\nquorum g\n",
        W + "group g +1 a b\nquorum g\n",
        W + "group g 01 a b\nquorum g\n",
        W + "group g two a b\nquorum g\n",
        W + "group g all\nquorum g\n",
        W + "group g all a a\nquorum g\n",
        W + "group g any a\ngroup h any a\nquorum g\n",
        W + "group g any none\nquorum g\n",
        W + "group g any g\nquorum g\n",
        W + "group a any b\nquorum a\n",
        W + "group none any b\nquorum none\n",
        W + f"witness none {KEYS[2]}\nquorum none\n",
        W + f"witness a {KEYS[2]}\nquorum a\n",
        W + f"witness c {KEYS[0]}\nquorum c\n",
        W + f"witness c {KEYS[2]} url more\nquorum c\n",
        W + f"witness c {LOG}\nquorum c\n",
        W + f"log {KEYS[2]}\nquorum a\n",
        W + f"log {LOG}\nlog {LOG}\nquorum a\n",
        W + f"log {LOG[:-2]}\nquorum a\n",
        W + "log\nquorum a\n",
        W + "quorum a\r\n",
        W + "quorum a\x7f\n",
        W + "quorum a\x00\n",
    ],
)
def test_what_the_specification_forbids_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match=r"tlog\.policy"):
        parse_policy(text.encode())


def test_one_key_in_two_types_is_the_same_key() -> None:
    key = LOG_SIGNERS[1].verifier_key
    renamed = type(key)("other.example", key.signature_type, key.public_key)
    with pytest.raises(FormatError, match="twice"):
        parse_policy(f"log {key.encode()}\nlog {renamed.encode()}\nquorum none\n".encode())


def test_a_policy_of_one_algorithm_does_not_outlive_it() -> None:
    only_ed25519 = parse_policy(f"log {LOG}\nwitness a {KEYS[0]}\nquorum a\n".encode())
    assert not only_ed25519.outlives(Algorithm.ED25519)
    assert only_ed25519.outlives(Algorithm.ML_DSA_44)
    either = parse_policy(f"log {LOG}\nlog {LOG_ML_DSA}\nquorum none\n".encode())
    assert not either.outlives(Algorithm.ED25519)
    assert not either.outlives(Algorithm.ML_DSA_44)


def test_requiring_both_asks_each_for_both() -> None:
    names = list(POLICY.witnesses)
    assert POLICY.is_quorum(names)
    assert not POLICY.is_quorum([name for name in names if name != b"log/ML-DSA-44"])
    assert not POLICY.is_quorum([b"log/ML-DSA-44", b"w0/Ed25519", b"w0/ML-DSA-44", b"w1/Ed25519", b"w2/ML-DSA-44"])
    assert POLICY.is_quorum([b"log/ML-DSA-44", b"w0/Ed25519", b"w0/ML-DSA-44", b"w2/Ed25519", b"w2/ML-DSA-44"])
    assert parse_policy(POLICY.encode()) == POLICY
    assert len(WITNESS_SIGNERS) == 3


def test_thirty_two_of_each_are_read_and_a_flood_is_not() -> None:
    def text(count: int) -> bytes:
        keys = [signer(f"n{i}", SignatureType.ED25519_COSIGNATURE).verifier_key.encode() for i in range(count)]
        lines = [f"witness n{i} {key}\ngroup g{i} any n{i}\n" for i, key in enumerate(keys)]
        return "".join([*lines, "quorum g0\n"]).encode()

    assert len(parse_policy(text(32)).groups) == 32
    with pytest.raises(FormatError):
        parse_policy(text(129))
