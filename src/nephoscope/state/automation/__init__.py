"""Automation rules: their actions and the state of their runs."""
