"""`diptych audit` beside a real log with witnesses and a real registry: accredited, attested, and refused."""

import shutil
import subprocess
import time
from pathlib import Path

import httpx

from diptych.adapters.registry_folder import DATABASE
from diptych.adapters.storage.registry import open_registry_store
from tests.log_processes import DIPTYCH, RECORDING, START_SECONDS, LogProcesses, free_port, run


def test_a_log_is_attested_and_the_registry_knows_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    world = LogProcesses(tmp_path / "log")
    auditor, registry = tmp_path / "auditor", tmp_path / "registry"
    url = f"http://127.0.0.1:{free_port()}"
    believed = ("--log-policy", world.policy)
    run("registry", "init", registry, "--url", url, *believed)
    made = run("audit", "init", auditor, "--registry", url, *believed)
    shutil.copy(str(made["auditor"]), registry / "auditors" / "court-of-audit.pem")
    world.admit(Path(str(made["log_writer"])), "auditor")
    world.admit(registry / "log.pub.pem", "agency")
    (tmp_path / "officer").mkdir()
    run("officer", "init", tmp_path / "officer")
    world.start()
    # Something to audit; there are no trustees yet, so the registry shows it to its own key service alone.
    run("registry", "certify", registry, tmp_path / "officer" / "officer.pub.pem")

    # The registry is away: signed, logged, kept; the same attestation goes on once it is there.
    run("audit", "attest", auditor, "--days", 30, code=1)
    assert (auditor / "waiting.cbor").stat().st_mode & 0o077 == 0
    with (tmp_path / "registry.err").open("w") as errors:
        serving = subprocess.Popen(
            [DIPTYCH, "serve", "registry", str(registry)], stdout=errors, stderr=errors, env=RECORDING
        )
    try:
        _wait(url)
        attested = run("audit", "attest", auditor, "--days", 400)
        assert (attested["attested"], attested["size"], attested["index"]) == (True, 1, 1)
        store = open_registry_store(registry / DATABASE)
        with store.transaction() as state:
            kept = state.attestation()
        store.close()
        assert kept is not None
        assert kept.expires.isoformat() == attested["expires"]
        assert world.verified()["acts"] == {"officer_certified": 1, "audit_attested": 1}
        assert not (auditor / "waiting.cbor").exists()

        copy = tmp_path / "copy"
        shutil.copytree(world.log / "public", copy)
        bundle = next(path for path in copy.rglob("*") if "entries" in str(path) and path.is_file())
        bundle.chmod(0o644)
        bundle.write_bytes(bundle.read_bytes()[:-1] + b"\0")
        refused = run("audit", "attest", auditor, "--files", copy, "--evidence", tmp_path, code=1)
        assert refused["attested"] is False
        assert Path(str(refused["evidence_path"])).is_file()
        assert world.verified()["size"] == 2
    finally:
        serving.terminate()
        serving.wait(30)
        world.stop()


def _wait(url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert time.monotonic() < deadline
        try:
            if httpx.get(f"{url}/ready", trust_env=False, timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
