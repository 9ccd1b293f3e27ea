"""Floor 3: what parties say to one another."""
