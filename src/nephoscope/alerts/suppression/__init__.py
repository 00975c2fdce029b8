"""Alert suppression: conditions, suppressions by users, and learned entities."""
