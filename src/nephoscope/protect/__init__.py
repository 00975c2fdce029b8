"""Protection: what keeps workloads from harm before and while they run."""
