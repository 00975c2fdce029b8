"""History of evaluations: comparisons with the one before, and why the score moved."""
