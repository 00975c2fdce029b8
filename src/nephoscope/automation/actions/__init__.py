"""The kinds of actions: a file each, found by scanning this folder."""
