"""Scans: what is read, from files or from tenants, judged, compared with what was known, and kept."""
