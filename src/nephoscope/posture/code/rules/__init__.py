"""Rules for code: a folder for each reader, a file a rule, found by scanning."""
