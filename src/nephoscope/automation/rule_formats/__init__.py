"""The languages that automation rules are written in: each file reads one into AutomationRule."""
