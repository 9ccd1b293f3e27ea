"""Giving each trustee its mask, and taking it back for ever: prekeys, deposits, confirmations, erasure."""
