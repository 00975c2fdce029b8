"""One format of bills a file; found by scanning this folder."""
