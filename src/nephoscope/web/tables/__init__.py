"""Tables of pages, also as files."""
