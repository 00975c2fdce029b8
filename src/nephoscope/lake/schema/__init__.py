"""Tables of the lake and their columns: which there are, and rows in their types."""
