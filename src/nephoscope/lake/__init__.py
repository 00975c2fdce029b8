"""The lake: where rows of logs live, and the state beside them."""
