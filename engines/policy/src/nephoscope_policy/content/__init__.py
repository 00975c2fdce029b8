"""Azure's published aliases and resource types, as JSON."""
