"""Azure Policy: definitions and assignments, states, events, attestations and remediations."""
