"""The sealed registry's bench, with a PostgreSQL of its own that syncs every write; arguments go to the bench.

Raw numbers and plots go to docs/bench. `make bench-registry` then puts them into docs/performance.md.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.postgresql import PostgresqlServer  # noqa: E402  # found from the root

EARNEST = ("max-connections=60", "shared-buffers=128MB")


def main() -> None:
    """Measure both stores."""
    server = PostgresqlServer(settings=EARNEST)
    try:
        url = server.new_database().reveal().decode()
        bench = [sys.executable, "-m", "diptych", "bench", "registry", "--plot", str(ROOT / "docs" / "bench")]
        subprocess.run([*bench, "--postgresql", url, *sys.argv[1:]], check=True)
    finally:
        server.close()


if __name__ == "__main__":
    main()
