"""Fewer false alerts: what is not to be raised, what rules learn, settings over a rule's file, and advice from history."""
