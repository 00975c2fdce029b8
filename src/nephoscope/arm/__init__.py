"""The ARM expression language, pure."""
