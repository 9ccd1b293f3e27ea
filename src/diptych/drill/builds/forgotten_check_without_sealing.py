"""The forgotten check in a build without encryption."""

from diptych.drill.builds import forgotten_check, open_sealing


def change() -> None:
    """Answer whatever is asked for, and seal nothing."""
    open_sealing.change()
    forgotten_check.change()
