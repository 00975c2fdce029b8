"""Findings of files in the formats of code scanning."""
