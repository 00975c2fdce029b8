"""Read progress of the files of a watched folder, by content: files are rotated, copied and packed, and their rows come once."""
