"""The Azure Policy language, pure."""
