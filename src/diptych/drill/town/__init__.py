"""The people of the drill: made up, the same for the same seed, and marked so that any trace of them is found."""
