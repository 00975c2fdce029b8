"""Live sources: each kind of place that logs come from while they are made, run under one supervisor into the lake."""
