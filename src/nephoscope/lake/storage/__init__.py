"""Delta tables on disk: opened, written in commits that last, read at one version."""
