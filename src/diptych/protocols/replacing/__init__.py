"""Changing a trustee set: what people agree to, and shares of records computed anew (docs/spec/replacement.md)."""
