"""Floor 4: who does what and why. Roles never import one another: they meet by messages."""
