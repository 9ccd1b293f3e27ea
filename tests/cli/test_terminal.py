"""What others wrote reaches a terminal as characters, never as commands to it."""

import json

import pytest

from diptych.cli import terminal

HOSTILE = "\x1b[2J\x9b31m\u202eevil\u2066\x7f\r\x00 caf\u00e9 \U0001f600 \U000e0041"


def test_json_for_a_terminal_shows_every_control_and_direction_as_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"names": {"en": HOSTILE}, HOSTILE: [HOSTILE, 1, None, True]}
    terminal.emit(value, as_json=True, prose=lambda: None)
    shown = capsys.readouterr().out
    assert json.loads(shown) == value
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert "caf\u00e9 \U0001f600" in shown


def test_json_that_needs_no_care_is_written_as_it_is() -> None:
    assert terminal.as_text({"nom": "Zoé"}) == '{"nom": "Zoé"}'
