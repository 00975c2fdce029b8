"""Rules for GitHub workflows and actions."""
