"""State of rules: runs, settings, switches and suppressions."""
