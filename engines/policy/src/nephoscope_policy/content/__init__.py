"""What Azure publishes of aliases and types, as JSON."""
