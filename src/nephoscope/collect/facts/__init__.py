"""External facts: what the product and its scanners learn of resources by themselves, written as Azure would answer it."""
