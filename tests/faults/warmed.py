"""Read last by the process that commands are forked from: what a first use reads, read once, and left as it is."""

import gc
import tempfile
from pathlib import Path

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.storage import issuer, verifier
from diptych.adapters.storage.engine import open_database

with tempfile.TemporaryDirectory(prefix="diptych-warm-") as folder:
    for role in (issuer.ROLE, verifier.ROLE):
        open_database(Path(folder) / role, role).dispose()
load_catalogue()
gc.collect()
gc.freeze()
