"""COSE (RFC 9052, RFC 9053) as mdoc uses it: ES256 signatures, HMAC 256/256 tags, P-256 keys, nothing else."""
