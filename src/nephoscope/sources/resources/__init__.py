"""Resources in: a file a source."""
