"""Removed: encryption, in a build that has both ways in. Every attack that sealing stops has to win here."""

from diptych.drill.builds import intruded, open_sealing


def change() -> None:
    """Seal nothing, and let everybody in."""
    open_sealing.change()
    intruded.change()
