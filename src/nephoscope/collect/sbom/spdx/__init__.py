"""SPDX 2: one tree for its five encodings, read by one reader."""
