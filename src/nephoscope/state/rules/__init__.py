"""What is kept of rules: their runs, settings, switches and suppressions."""
