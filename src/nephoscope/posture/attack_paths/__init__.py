"""Attack paths: ways from the Internet or a weak account to what is worth taking, found in a graph of the estate."""
