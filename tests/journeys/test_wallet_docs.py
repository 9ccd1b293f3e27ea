"""The lines that docs/wallet.md gives to whoever builds a page do what they say."""

import re
from pathlib import Path

import pytest

from diptych.roles.verifier.model import State
from diptych.roles.wallet.presenting import Consent
from tests.play import Play

DOCS = Path(__file__).resolve().parents[2] / "docs" / "wallet.md"


@pytest.mark.parametrize(("agrees", "state"), [(True, State.ACCEPTED), (False, State.REFUSED)])
def test_the_lines_for_a_page_run_as_they_are_written(agrees: bool, state: State) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    play = Play()
    play.receive()
    asked = play.ask("over_18")
    names = {
        "wallet": play.wallet,
        "link": asked.link,
        "now": play.now,
        "ask_the_person": lambda *_: Consent(agrees=agrees),
    }
    exec(lines, names)
    assert play.result(asked).state is state
