"""Sources of rows: their origin, read progress and health."""
