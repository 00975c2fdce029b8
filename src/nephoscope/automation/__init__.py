"""Automation and export: what is sent on when an assessment, a score, a compliance state, an alert or an incident changes."""
