"""Rules for how an image, or the root of a disk, is set up: a file of `rules` is one rule."""
