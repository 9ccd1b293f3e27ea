"""A trustee over HTTP."""
