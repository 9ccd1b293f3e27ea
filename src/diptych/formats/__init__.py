"""Floor 2: what documents are. Bytes to values and back, and what makes them true."""
