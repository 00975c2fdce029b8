"""Lists of pages: filters with counts, heads that sort; all of it is in the address, and works without a script."""
