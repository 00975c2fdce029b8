"""Scanners that need the extra `numba`, apart from the formats, which are all imported when formats are discovered."""
