"""Facts in."""
