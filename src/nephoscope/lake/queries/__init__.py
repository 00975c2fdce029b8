"""Queries over the lake: what a principal sees, the functions and watchlists that queries call, and many queries at one moment."""
