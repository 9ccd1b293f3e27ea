"""Floor 1: primitives behind one door each. The only floor that touches native code."""
