"""Rules of the baseline: a module with RULES is one area."""
