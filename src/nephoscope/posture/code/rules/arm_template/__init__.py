"""Rules for ARM templates as they are written."""
