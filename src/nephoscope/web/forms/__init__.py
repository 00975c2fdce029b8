"""Forms: rendering state, submitted fields and their processing."""
