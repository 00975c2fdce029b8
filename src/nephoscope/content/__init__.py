"""Data files and their one loader: policies, initiatives, scores, sample."""
