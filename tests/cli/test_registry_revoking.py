"""`diptych registry revoke`, beside a real log, registry and trustees: nobody answers the officer any more."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.errors import DiptychError, Unavailable
from tests.faults.sealed_town import NAMES, SealedTown, entropy, now
from tests.log_processes import DIPTYCH, RECORDING, run
from tests.registry_world import MARIE


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedTown]:
    made = SealedTown(tmp_path_factory.mktemp("town"))
    try:
        made.found()
        yield made
    finally:
        made.stop()


def find(town: SealedTown) -> None:
    with town.counter() as workstation:
        workstation.find(MARIE, legal_basis="enrolment", now=now(), entropy=entropy)


def said(town: SealedTown, *words: object, typed: str = "", language: str = "en") -> tuple[int, str]:
    done = subprocess.run(
        [DIPTYCH, "registry", "revoke", str(town.registry.folder), *map(str, words)],
        capture_output=True,
        text=True,
        input=typed,
        env={**RECORDING, "LC_ALL": f"{language}_XX.UTF-8", "LANG": f"{language}_XX.UTF-8"},
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_an_officer_is_revoked_though_a_trustee_is_away_and_a_new_key_needs_a_new_certificate(
    town: SealedTown, tmp_path: Path
) -> None:
    find(town)
    code, asked = said(town, town.key, typed="n\n")
    assert (code, "nothing was revoked" in asked) == (1, True)
    find(town)

    town.trustees[0].kill()
    revoked = run("registry", "revoke", town.registry.folder, town.key, "--yes")
    assert (revoked["was_known"], revoked["told"], revoked["waiting"]) == (True, list(NAMES[1:]), [NAMES[0]])
    with pytest.raises(Unavailable, match=r"Auditors \(officer.revoked\)"):
        find(town)

    town.trustees[0].start()
    town.wait_until_told()
    with pytest.raises(DiptychError, match=r"Notaries \(officer.revoked\)"):
        find(town)

    run("officer", "init", tmp_path / "next")
    fingerprint = town.certify(tmp_path / "next" / "officer.pub.pem")
    code, told = said(town, fingerprint, "--yes", language="fr")
    assert (code, "Informés : Notaries, Auditors, Archives." in told) == (0, True), told


def test_what_is_no_key_and_no_fingerprint_revokes_nothing(town: SealedTown) -> None:
    code, told = said(town, "f" * 63, "--yes")
    assert (code, "registry.officer" in told) == (1, True), told
    code, told = said(town, "ab" * 32, "--yes")
    assert (code, "Is it the right key?" in told) == (0, True), told
