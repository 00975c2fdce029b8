"""State of the estate: tenants, documents that people put, external facts, and pipelines."""
