"""The scalar functions, operators and aggregates of the language: a family a file, found by the registry."""
