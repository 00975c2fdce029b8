"""Alerts, incidents and bookmarks as they stand now."""
