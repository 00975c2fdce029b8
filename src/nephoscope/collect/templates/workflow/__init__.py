"""Workflow files: expressions, contexts, steps."""
