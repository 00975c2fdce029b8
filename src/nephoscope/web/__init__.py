"""The pages: drawn on the server, with a file a page."""
