"""A real browser, without a window: Debian's Chromium. A run without it skips, by name."""

import shutil
import subprocess
from pathlib import Path

import pytest

TIMEOUT_SECONDS = 120


def screenshot(page: Path, picture: Path, *, width: int, height: int) -> bytes:
    """The PNG of a page that lies in a file, as a window of that size shows it."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no browser: install Debian's `chromium`")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--user-data-dir={picture.parent / 'profile'}", f"--window-size={width},{height}"]
    done = subprocess.run(
        [*command, f"--screenshot={picture}", page.as_uri()], capture_output=True, check=False, timeout=TIMEOUT_SECONDS
    )
    assert done.returncode == 0, done.stderr.decode()
    return picture.read_bytes()
