"""State of the estate: tenants, documents that people put, own facts, and pipelines."""
