"""What the commands ask of the roof: ready-built use-cases. `app.py` answers; the commands never build anything."""

from typing import Protocol


class Rooms(Protocol):
    """Each method builds one role from its folder, with its real adapters."""
