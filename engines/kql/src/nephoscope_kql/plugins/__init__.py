"""The plugins of `evaluate`: one or a family a file, found by scanning the folder."""
