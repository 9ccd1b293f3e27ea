"""Diptych: identity documents without a central file to steal."""

__version__ = "0.1.0"
