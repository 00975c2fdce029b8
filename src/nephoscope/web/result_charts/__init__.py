"""Charts of results on the logs page."""
