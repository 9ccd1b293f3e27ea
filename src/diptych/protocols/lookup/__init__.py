"""Finding a record without an index that can be read (docs/spec/lookup.md)."""
