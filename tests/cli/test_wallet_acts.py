"""`diptych wallet acts`: in the person's language, as JSON, and with evidence where the log says two things."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.cli.main import application
from diptych.cli.wallet_act_words import WHY
from diptych.formats.order.standing import REASONS, Standing
from diptych.roles.wallet.service import Wallet
from tests.cli.test_wallet import PASSPHRASE, Citizen, PlayHouse
from tests.log_world import POLICY, World
from tests.recording import RecordingInProcess
from tests.roles.wallet.test_acts import Asked, by_officer, files, said
from tests.roles.wallet.test_recorded import Scene


class InMemory(PlayHouse):
    """The commands over the play's own wallet."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene.play)
        self.scene = scene

    def wallet(self, folder: Path, passphrase: object) -> Wallet:
        return replace(self.play.wallet)

    def told_acts(self) -> Asked:
        return Asked(self.scene)


class Reader(Citizen):
    """Types commands at a copy of the log."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        super().__init__(scene.play, folder)
        self.scene = scene
        self.copy = folder / "log"

    def show(self, shown: Mapping[str, bytes]) -> None:
        for path, data in shown.items():
            place = self.copy / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)

    def acts(self, *more: str, code: int = 0) -> str:
        done = CliRunner().invoke(
            application,
            ["wallet", "acts", "--log", str(self.copy), "--evidence", str(self.folder), *more],
            obj=InMemory(self.scene),
        )
        assert done.exit_code == code, done.output
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    monkeypatch.setenv("DIPTYCH_WALLET_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("COLUMNS", "120")
    scene = Scene()
    scene.play.receive()
    by_officer(scene)
    scene.recorder.world.close_day()
    found = Reader(scene, tmp_path)
    found.show(files(scene.recorder.world))
    return found


def test_acts_are_listed_in_english(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_LANGUAGE", "en")
    said = reader.acts()
    assert "Issued: Driving licence, 10 copies" in said
    assert "an officer" in said
    assert "in the log; no details told" in said
    assert "there is no other act" in said


def test_acts_are_listed_in_french(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_LANGUAGE", "fr")
    said = reader.acts("--whole")
    assert "Délivré : Permis de conduire, 10 exemplaires" in said
    assert "Suspendu" in said
    assert "au journal, prouvé" in said


def test_as_json_everything_is_there_and_nothing_else_is_printed(reader: Reader) -> None:
    found = json.loads(reader.acts("--json"))
    assert [(one["act"], one["shown"]) for one in found["acts"]] == [
        ("suspended", "untold"),
        *[("issued", "proven")] * 3,
    ]
    assert found["holds"] is True
    assert found["absence_proven_until"] is not None
    assert found["log"]["size"] == 5
    assert found["contradiction"] is None


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            [
                "Suspended: everything of that offer, reported lost the issuer in the log, proven",
                "Reinstated: everything of that offer, found again the issuer in the log, proven",
                "Revoked: everything of that offer, reported stolen the issuer in the log, proven",
            ],
        ),
        (
            "fr",
            [
                "Suspendu : tout ce que cette offre a donné, déclaré perdu l'émetteur au journal, prouvé",
                "Rétabli : tout ce que cette offre a donné, retrouvé l'émetteur au journal, prouvé",
                "Révoqué : tout ce que cette offre a donné, déclaré volé l'émetteur au journal, prouvé",
            ],
        ),
    ],
)
def test_what_an_officer_said_is_told_with_day_kind_and_reason(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, language: str, lines: list[str]
) -> None:
    """From the officer's word to the citizen's screen: recorded, found in the log, and told by the issuer."""
    monkeypatch.setenv("DIPTYCH_LANGUAGE", language)
    day = reader.scene.play.now.date().isoformat()
    for standing, reason in (
        (Standing.SUSPENDED, "lost"),
        (Standing.REINSTATED, "found"),
        (Standing.REVOKED, "stolen"),
    ):
        said(reader.scene, standing, reason)
    reader.scene.recorder.world.close_day()
    reader.show(files(reader.scene.recorder.world))
    shown = [" ".join(line.split()) for line in reader.acts().splitlines()]
    for line in lines:
        assert any(one.startswith(f"{day} {line}") for one in shown), shown
    found = json.loads(reader.acts("--json"))["acts"]
    assert [(one["act"], one["shown"], one["details"]) for one in found[:3]] == [
        ("revoked", "proven", {"type": "order", "reason": "stolen"}),
        ("reinstated", "proven", {"type": "order", "reason": "found"}),
        ("suspended", "proven", {"type": "order", "reason": "lost"}),
    ]


def test_every_reason_that_an_officer_can_give_has_words_in_both_languages() -> None:
    assert set(WHY) == {reason for reasons in REASONS.values() for reason in reasons}
    assert all(english and french and english != french for english, french in WHY.values())


def test_a_log_that_shows_another_history_is_told_with_evidence_that_anyone_can_check(
    reader: Reader, tmp_path: Path
) -> None:
    reader.acts("--json")
    forked = RecordingInProcess(World())
    for number in range(6):
        committed = reader.scene.acts[0].committed
        forked.record([committed.entry(policy_hash=POLICY.digest, label=bytes([number + 1]) * 32)])
    reader.copy = tmp_path / "another"
    reader.show(files(forked.world))
    found = json.loads(reader.acts("--json", code=1))["contradiction"]
    assert found["check"] == "tlog.fork"
    policy = tmp_path / "policy"
    policy.write_bytes(POLICY.encode())
    checked = CliRunner().invoke(
        application, ["log", "evidence", found["evidence_path"], "--policy", str(policy), "--json"], obj=reader.play
    )
    assert json.loads(checked.stdout)["check"] == "tlog.fork"


def test_a_wallet_without_a_policy_is_told_how_to_get_one(reader: Reader) -> None:
    contents = reader.scene.contents
    contents.put_trust(replace(contents.trust(), log=None))
    contents.save(reader.play.store)
    done = CliRunner().invoke(application, ["wallet", "acts"], obj=InMemory(reader.scene))
    assert getattr(done.exception, "check", None) == "wallet.no_log"
