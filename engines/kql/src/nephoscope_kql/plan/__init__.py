"""Meaning of a query, apart from any database: typed expressions, relations, and what can be read off them."""
