"""Behavior of users, applications and machines: what is usual for each, and what is not, with reasons."""
