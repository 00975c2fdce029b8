"""CSAF: its product tree, its statements, and the mandatory tests of the standard."""
