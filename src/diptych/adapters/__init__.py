"""Floor 5: the outside world behind the roles' ports."""
