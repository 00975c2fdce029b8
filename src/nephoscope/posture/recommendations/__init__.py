"""Recommendations: what is known of them, the rows of a report, the secure score, and their order."""
