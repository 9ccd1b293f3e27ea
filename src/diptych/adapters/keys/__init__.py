"""Keys behind the `Signer` and `AgreementKey` ports: files here, a token's own slot elsewhere."""
