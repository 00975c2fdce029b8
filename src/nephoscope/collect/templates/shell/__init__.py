"""POSIX shell and Bash scripts as the commands that they may run."""
