"""What rules for Kubernetes ask: pods, containers, security contexts."""
