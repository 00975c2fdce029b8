"""Files that others wrote: opened within bounds, unpacked, and read as tables and functions."""
