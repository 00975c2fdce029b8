"""What an estate is judged by: packs of policies, assignments, parameters, exemptions and attestations."""
