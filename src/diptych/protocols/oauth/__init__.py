"""OAuth 2.0 as used here: forms, errors, tokens, metadata, proofs of possession (RFC 6749, 8414, 9449)."""
