"""Forms: what they were drawn of, what they send, and what is done with it."""
