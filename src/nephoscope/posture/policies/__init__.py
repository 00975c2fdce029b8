"""Policies by which an estate is evaluated: packs, assignments, parameters, exemptions and attestations."""
