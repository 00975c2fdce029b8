"""Tuning of web application firewalls: what rules fire on, and exclusions for what is no attack."""
