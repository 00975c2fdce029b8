"""Rules for shell scripts."""
