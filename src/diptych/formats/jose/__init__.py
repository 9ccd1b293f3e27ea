"""JOSE as this system uses it: ES256 signatures and ECDH-ES + AES-GCM encryption, through joserfc."""
