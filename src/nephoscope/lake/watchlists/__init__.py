"""Keeping watchlists: their items, and what is made of them."""
