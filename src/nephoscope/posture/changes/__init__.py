"""Changes of resources: who made them, and which openings to the Internet they made."""
