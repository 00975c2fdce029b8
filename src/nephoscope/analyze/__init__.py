"""A file an analyzer: a view of the estate in, assessments out."""
