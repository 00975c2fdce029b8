"""Entities of rows and alerts: which they are, what is known around them, and which of their names tie alerts together."""
