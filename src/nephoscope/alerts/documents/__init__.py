"""How rules and their kin are written: fields of a document, read with their places, and durations."""
