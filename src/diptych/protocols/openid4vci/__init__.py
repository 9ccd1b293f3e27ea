"""OpenID for Verifiable Credential Issuance 1.0, both sides: bytes in, values out."""
