"""Signing keys behind the `Signer` port: files here, a token's own slot elsewhere."""
