"""Logs in: a file a format, found by scanning this folder; the frame cuts streams into records and asks the formats."""
