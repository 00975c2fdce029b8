"""Data gaps: what is missing to judge, and what settles it."""
