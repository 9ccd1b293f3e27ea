"""The citizen's wallet: documents, device keys and history on the citizen's own device, and who is shown what."""
