"""Governance with policies: assignments, permission to exempt, and effects of policies on a planned resource."""
