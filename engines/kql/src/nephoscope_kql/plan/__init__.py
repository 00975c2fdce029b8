"""What a query means, apart from any database: typed expressions, relations, and what can be read off them."""
