"""File integrity monitoring: hashes and attributes of files against an approved baseline."""
