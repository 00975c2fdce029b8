"""Rows in: logs from files, live sources, and feeds of threat intelligence."""
