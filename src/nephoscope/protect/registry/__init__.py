"""Registries of images: pushes are examined in quarantine, and a policy decides what is promoted."""
