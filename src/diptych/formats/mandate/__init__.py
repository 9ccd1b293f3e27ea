"""Mandates: who may act, and how long: officers, auditors, courts, trustees (docs/spec/statements.md)."""
