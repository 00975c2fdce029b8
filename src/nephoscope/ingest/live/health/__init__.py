"""Source health: what a source usually brings, what is missing from it now, and the rows that say so."""
