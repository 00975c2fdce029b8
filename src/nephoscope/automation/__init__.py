"""Workflow automation: rules that run actions when an alert, an incident, an assessment, a score or a compliance state changes."""
