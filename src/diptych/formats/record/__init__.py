"""Records: civil-status data that open with the agency's half and k of n trustees (docs/spec/record.md)."""
