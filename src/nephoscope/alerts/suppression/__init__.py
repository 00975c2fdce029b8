"""What may hold findings of a rule back: conditions, suppressions of people, and what a rule learned."""
