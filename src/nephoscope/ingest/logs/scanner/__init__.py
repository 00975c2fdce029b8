"""What needs the extra `numba`: apart from the formats, all of which are imported to find those that there are."""
