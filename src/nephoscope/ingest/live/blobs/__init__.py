"""Reading blobs that grow: what was read of one, and how far it may be read now."""
