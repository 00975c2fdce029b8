"""Checks that rules for Dockerfiles use: commands, packages, mounts, labels."""
