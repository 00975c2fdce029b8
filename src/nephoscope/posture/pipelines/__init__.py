"""Results of pipelines: what tools reported, what it changes, and what of it stands in the cloud."""
