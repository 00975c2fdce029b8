"""Where rows come from, how far each source was read, and how it does."""
