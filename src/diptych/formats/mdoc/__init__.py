"""mdoc (ISO/IEC 18013-5): documents issued, held, presented and verified. Bytes that came are kept and hashed as is."""
