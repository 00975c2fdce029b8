"""Who may come in, and the credentials that are kept."""
