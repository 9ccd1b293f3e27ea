"""Token Status List (draft-ietf-oauth-status-list-20): whether a document still stands, said for many at once."""
