"""Incident investigation: entities, timeline, estate context and similar incidents."""
