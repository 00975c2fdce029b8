"""Backups: a data folder at one moment in one file, and back; what was acknowledged before is in it, each row once."""
