"""Outgoing calls behind the roles' ports: one attempt each, an answer or `Unavailable`."""
