"""The spool: append-only files in which rows are safe before they are in their tables."""
