"""What pages tell of things: resources, alerts, scores, content, and what is under way."""
