"""Checks that rules for workflows use: scripts, permissions, actions, matrices."""
