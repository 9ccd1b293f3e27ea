"""The thief of `implant` in a build without encryption."""

from diptych.drill.builds import implant, open_sealing


def change() -> None:
    """Keep everything, and seal nothing."""
    open_sealing.change()
    implant.change()
