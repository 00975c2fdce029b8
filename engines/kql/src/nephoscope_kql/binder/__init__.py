"""Names and types: from a tree to relations."""
