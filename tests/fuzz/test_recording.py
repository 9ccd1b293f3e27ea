"""Whatever comes as a submission or as receipts: a value that encodes to the same bytes, or `FormatError`."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError
from diptych.formats.tlog.entry import parse_entry
from diptych.protocols.recording.receipts import Placed, Receipts, parse_receipts
from diptych.protocols.recording.submission import parse_submission, sign_submission
from tests.formats.tlog_specimen import ORIGIN, checkpoint_of, cosigned
from tests.log_world import entry

SUBMISSION = sign_submission([parse_entry(entry(1)), parse_entry(entry(2))], origin=ORIGIN, signer=generate_signer())
RECEIPTS = Receipts((Placed(1, (bytes(32),)), Placed(70, (b"\x01" * 32,) * 3)), cosigned(checkpoint_of([b"x"])))


def mutated(data: bytes) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda at, length, middle: data[:at] + middle + data[at + length :],
        st.integers(0, len(data)),
        st.integers(0, 40),
        st.binary(max_size=40),
    )


@given(st.binary(max_size=400) | mutated(SUBMISSION.encode()))
def test_submissions(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert parse_submission(data).encode() == data


@given(st.binary(max_size=400) | mutated(RECEIPTS.encode()))
def test_receipts(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert parse_receipts(data).encode() == data
