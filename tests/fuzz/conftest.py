"""Fuzz targets run where other things run too: an example that takes long there is no failure."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("fuzz", deadline=None)
# `make fuzz` runs each target on this many examples, round after round.
settings.register_profile(
    "long",
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "0")) or 1000,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("long" if "FUZZ_EXAMPLES" in os.environ else "fuzz")
