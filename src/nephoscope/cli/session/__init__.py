"""What the commands that judge an estate share: options, loading with progress, exit codes."""
