"""The witness over HTTP (c2sp.org/tlog-witness)."""
