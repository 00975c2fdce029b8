"""Azure's REST surfaces: a file a surface, found by scanning this folder."""
