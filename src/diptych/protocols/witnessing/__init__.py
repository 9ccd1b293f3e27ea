"""Getting a log's checkpoints cosigned (c2sp.org/tlog-witness): what logs ask, what witnesses answer."""
