"""Floor 5: the same use-cases from a terminal."""
