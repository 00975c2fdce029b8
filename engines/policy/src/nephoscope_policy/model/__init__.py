"""The nouns of policy: a resource and its id, what was read, a state with its reasons, a place in a file."""
