"""Civil status: how two offices that write down one person come to the same bytes (docs/spec/civil-status.md)."""
