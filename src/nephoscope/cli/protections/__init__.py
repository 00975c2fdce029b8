"""Commands of `nephoscope protect` that are more than one operation."""
