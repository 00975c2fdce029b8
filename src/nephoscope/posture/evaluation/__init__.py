"""The evaluation run: a plan made a program, judged over an estate, whole, in parts, or only where something changed."""
