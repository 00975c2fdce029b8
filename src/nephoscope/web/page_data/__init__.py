"""Page data: resources, alerts, scores, content and progress."""
