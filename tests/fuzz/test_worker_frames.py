"""A worker may be taken over by what it reads: whatever it says parses to the same bytes again, or is nonsense."""

from hypothesis import given
from hypothesis import strategies as st

from diptych.adapters.provers import frames
from diptych.adapters.provers.frames import Task
from diptych.crypto.longfellow import CIRCUITS
from diptych.errors import FormatError
from tests.proving import AGE, NOW, claim

TASK = Task(
    action=frames.VERIFY,
    zk_system_id=CIRCUITS[1].zk_system_id,
    issuer_key=(b"\x01" * 32, b"\x02" * 32),
    transcript=b"\x80",
    timestamp=NOW,
    doc_type=AGE,
    data=b"proof",
    claims=(claim(AGE, "age_over_18", True), claim(AGE, "age_over_65", False)),
)


@given(st.lists(st.binary(max_size=40), max_size=frames.MAX_FIELDS))
def test_fields_come_back_as_they_were_sent(fields: list[bytes]) -> None:
    frame = frames.encode(fields)
    assert frames.body_length(frame[: frames.LENGTH_BYTES]) == len(frame) - frames.LENGTH_BYTES
    assert frames.parse(frame[frames.LENGTH_BYTES :]) == fields


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_fields_or_nonsense(body: bytes) -> None:
    try:
        fields = frames.parse(body)
    except FormatError:
        return
    assert frames.encode(fields)[frames.LENGTH_BYTES :] == body


@given(st.binary(max_size=8))
def test_a_frame_is_never_larger_than_its_limit(head: bytes) -> None:
    try:
        assert 0 <= frames.body_length(head) <= frames.MAX_FRAME_BYTES
    except FormatError:
        return


def test_a_task_comes_back_as_it_was_sent() -> None:
    assert frames.parse_task(TASK.fields()) == TASK


@given(st.integers(0, 12), st.binary(max_size=30))
def test_a_changed_task_encodes_to_the_same_fields_or_is_nonsense(position: int, replacement: bytes) -> None:
    fields = TASK.fields()
    fields[position] = replacement
    _same_or_nonsense(fields)


@given(st.lists(st.one_of(st.sampled_from(TASK.fields()), st.binary(max_size=30)), max_size=16))
def test_arbitrary_fields_are_a_task_or_nonsense(fields: list[bytes]) -> None:
    _same_or_nonsense(fields)


def _same_or_nonsense(fields: list[bytes]) -> None:
    try:
        task = frames.parse_task(fields)
    except FormatError:
        return
    assert task.fields() == fields
