"""Not a defence removed but two ways in added, for whoever wants either: the forgotten check, and a thief who stays."""

from diptych.drill.builds import forgotten_check, implant


def change() -> None:
    """Answer whatever is asked for, and keep whatever passes through."""
    forgotten_check.change()
    implant.change()
