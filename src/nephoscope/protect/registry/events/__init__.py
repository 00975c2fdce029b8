"""Events of registries: what they post when an image is pushed, pulled or deleted, a form a file."""
