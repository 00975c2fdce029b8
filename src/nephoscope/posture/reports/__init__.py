"""Reports of an evaluation run: of one tenant, of several, in parts, and by regulatory standard."""
