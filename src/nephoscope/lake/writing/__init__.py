"""Rows into the lake: into the spool, from there into the tables, and what could not be read."""
