"""Workspaces and what people keep in them."""
