"""Secrets that were left behind in files."""
