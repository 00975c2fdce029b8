"""What rules for Dockerfiles ask: commands, packages, mounts, labels."""
