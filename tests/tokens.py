"""A PKCS#11 token in software (SoftHSM2), each in a folder of its own; installed where it is missing, else skipped."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.private import Secret

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
LABEL, PIN = "utopia", "246810"


@dataclass(frozen=True)
class SoftToken:
    """A token called `utopia` whose PIN is `PIN`."""

    folder: Path
    module: Path

    @property
    def uri(self) -> str:
        return f"pkcs11:token={LABEL}"

    @property
    def access(self) -> TokenAccess:
        return TokenAccess(self.module, Secret(PIN.encode()))

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    def environment(self) -> Mapping[str, str]:
        """What a process of its own needs to reach the token."""
        return {
            **os.environ,
            "SOFTHSM2_CONF": str(self.folder / "softhsm2.conf"),
            "DIPTYCH_PKCS11_MODULE": str(self.module),
            "DIPTYCH_PKCS11_PIN_FILE": str(self.pin_file),
        }

    def remove(self) -> None:
        """Pull it out: its keys are gone from here."""
        (self.folder / "tokens").rename(self.folder / "pulled-out")
        (self.folder / "tokens").mkdir()

    def put_back(self) -> None:
        (self.folder / "tokens").rmdir()
        (self.folder / "pulled-out").rename(self.folder / "tokens")


def soft_token(folder: Path) -> SoftToken:
    """A new token; skips, by name, where SoftHSM2 cannot be had."""
    module = _module()
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    (folder / "pin").touch(mode=0o600)
    (folder / "pin").write_text(PIN + "\n")
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "135791"],
        env={**os.environ, "SOFTHSM2_CONF": str(configuration)},
        check=True,
        capture_output=True,
    )
    return SoftToken(folder, module)


def _module() -> Path:
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    if _found() is None and shutil.which("apt-get") and os.geteuid() == 0:
        with (Path(tempfile.gettempdir()) / "diptych-softhsm2.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one test process installs it, the others wait
            for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "softhsm2"]):
                if _found() is None:
                    subprocess.run(command, check=False, capture_output=True, timeout=240)
    found = _found()
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not here and cannot be installed: apt-get install softhsm2")
    return found


def _found() -> Path | None:
    return next((Path(name) for name in MODULES if Path(name).exists()), None)
