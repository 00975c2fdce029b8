"""Tables of the state that several concepts share, and the types of their columns."""
