"""X.509 certificates of ISO 18013-5 Annex B: roots of issuing authorities, document signers, readers."""
