"""The public log's documents in the C2SP formats, and the entries that Diptych puts in it (docs/spec/acts.md)."""
