"""The logs of the sample company: made by a seed, written as Azure writes them, read by the real formats."""
