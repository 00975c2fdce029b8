"""Schedule rules: due windows, late rows, run batches, runs over past windows, and the state of every rule."""
