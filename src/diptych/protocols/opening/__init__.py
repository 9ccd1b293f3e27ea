"""Opening one record, in public: request, checklist, answers, the officer's states (docs/spec/opening.md)."""
