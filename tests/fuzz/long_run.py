"""`make fuzz MINUTES=10`: every fuzz target again and again on fresh examples, until the time is over or one fails.

What it finds is printed with the seed that finds it again, and kept in .hypothesis; it then becomes a case of its own.
"""

import os
import secrets
import subprocess
import sys
import time

EXAMPLES = 1000


def main(minutes: float) -> int:
    """The exit code: 0 if nothing was found."""
    deadline, rounds = time.monotonic() + minutes * 60, 0
    while (left := deadline - time.monotonic()) > 0:
        seed = secrets.randbelow(2**32)
        command = [sys.executable, "-m", "pytest", "tests/fuzz", "-n", "auto", "--timeout=0", "-x"]
        try:
            done = subprocess.run(
                [*command, f"--hypothesis-seed={seed}"],
                env={**os.environ, "FUZZ_EXAMPLES": str(EXAMPLES)},
                capture_output=True,
                text=True,
                check=False,
                timeout=left,
            )
        except subprocess.TimeoutExpired:
            break
        if done.returncode != 0:
            print(done.stdout + done.stderr)
            print(f"Found with: FUZZ_EXAMPLES={EXAMPLES} pytest tests/fuzz --hypothesis-seed={seed}")
            return 1
        rounds += 1
        print(f"{rounds} rounds of {EXAMPLES} examples a target, {max(0, left) / 60:.0f} minutes left", flush=True)
    print(f"Nothing found in {minutes:g} minutes: {rounds} whole rounds of {EXAMPLES} examples a target.")
    return 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
