"""The mandatory tests of CSAF: one function a test, found by scanning this folder."""
