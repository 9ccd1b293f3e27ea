"""A trustee: keeps one mask for each record, and uses it only for what the public log already shows."""
