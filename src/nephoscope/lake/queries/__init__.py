"""Queries over the lake: row access, stored functions, watchlists and consistent reads."""
