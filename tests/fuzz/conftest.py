"""Fuzz targets run where other things run too: an example that takes long there is no failure."""

from hypothesis import settings

settings.register_profile("fuzz", deadline=None)
settings.load_profile("fuzz")
