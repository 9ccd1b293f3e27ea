"""Randomness as an argument: who needs it says so, and a test can hand in its own."""

from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""`entropy(n)` returns n unpredictable bytes, never the same ones twice. Floor 5 passes `os.urandom`."""
