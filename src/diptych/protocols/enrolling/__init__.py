"""Bringing a sealed record to the registry (docs/spec/record.md, "Enrolment")."""
