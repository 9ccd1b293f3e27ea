"""The threat model says what a drill has counted, and a drill of today takes the same positions."""

import json
from pathlib import Path

from diptych.drill.picture import picture
from diptych.drill.positions import POSITIONS
from diptych.drill.threat_model import section

ROOT = Path(__file__).resolve().parents[2]
MEASURED = json.loads((ROOT / "docs" / "bench" / "drill.json").read_text(encoding="utf-8"))


def test_the_threat_models_table_is_the_one_that_the_kept_drill_writes() -> None:
    assert section(MEASURED) in (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


def test_the_kept_drill_took_every_position_of_today_and_all_that_apply_hold() -> None:
    assert [one["position"] for one in MEASURED["positions"]] == [position.number for position in POSITIONS]
    assert [one["name"] for one in MEASURED["positions"]] == [position.name.en for position in POSITIONS]
    assert [one["position"] for one in MEASURED["positions"] if one["applies"] and not one["holds"]] == []
    assert sum(one["applies"] for one in MEASURED["positions"]) >= 16


def test_in_the_kept_drill_every_attack_won_where_its_defence_was_removed() -> None:
    for one in MEASURED["positions"]:
        if one["applies"]:
            weakened = one["weakened"]
            assert weakened["canaries"] + weakened["openings"] > 0, one["position"]


def test_the_picture_in_the_readme_is_the_kept_drills() -> None:
    assert (ROOT / "docs" / "bench" / "drill.svg").read_text(encoding="utf-8") == picture(MEASURED)
    assert "docs/bench/drill.svg" in (ROOT / "README.md").read_text(encoding="utf-8")
