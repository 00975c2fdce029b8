"""Checks that rules for Kubernetes use: pods, containers, security contexts."""
