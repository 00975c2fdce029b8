"""CycloneDX: one tree for its three encodings, read by one reader."""
