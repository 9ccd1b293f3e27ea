"""The witness: follows logs that it was told to follow, and cosigns only what extends what it cosigned before."""
