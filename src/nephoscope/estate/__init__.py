"""What exists: resources in versions, coverage, relations, reachability, roles."""
