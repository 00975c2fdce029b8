"""Dissectors, a file a family of protocols; `DISSECTORS` of each module maps names to functions."""
