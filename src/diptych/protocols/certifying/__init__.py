"""Showing a mandate to those who are to honour it: officers, auditors, trustee sets (docs/spec/statements.md)."""
