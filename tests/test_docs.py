"""The documents point at things that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    assert missing == []


def test_every_room_and_test_in_the_table_of_standards_exists() -> None:
    text = (ROOT / "docs" / "standards.md").read_text(encoding="utf-8")
    rooms = re.findall(r"`((?:crypto|formats|protocols|roles|web)/[\w/.]+)`", text)
    tests = re.findall(r"`(tests/[\w/.]+)`", text)
    assert rooms
    assert tests
    assert [name for name in rooms if not (ROOT / "src" / "diptych" / name).exists()] == []
    assert [name for name in tests if not (ROOT / name).exists()] == []


def test_every_test_that_the_threat_model_names_exists() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/.]+)`", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
