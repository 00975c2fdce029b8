"""ARM templates on disk: those of a repository, with their parameters files and the templates that they link."""
