"""Readers of results that tools write, a format a file: each exports `claims(document)` and `read(document)`."""
