"""Share options, loading with progress and exit codes among the commands that assess an estate."""
