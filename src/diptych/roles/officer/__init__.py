"""The officer: approves orders at a workstation, where alone they are read, sealed and signed."""
