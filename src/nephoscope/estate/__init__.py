"""Store and query the estate: versioned resources, coverage, relations, reachability, roles."""
