"""Readers of templates and pipeline files: one file a reader, found by scanning this folder."""
