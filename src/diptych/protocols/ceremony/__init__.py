"""Key ceremonies between trustees: one channel of signed statements that everyone replays (docs/spec/ceremony.md)."""
