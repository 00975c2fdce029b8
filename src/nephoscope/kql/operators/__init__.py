"""The tabular operators, bound: a family a file."""
