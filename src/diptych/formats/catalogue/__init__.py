"""The catalogue: one declarative file per document type, and the rules that its values keep."""
