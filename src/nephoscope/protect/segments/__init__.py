"""Network segments: who may talk to whom, and the openings that allow more."""
