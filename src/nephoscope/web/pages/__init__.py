"""A file a page: a module with a PAGE, found by scanning this folder."""
