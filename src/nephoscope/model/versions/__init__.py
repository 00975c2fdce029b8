"""Orders of versions: one scheme a file, found by scanning this folder.

A scheme is a module with TITLE, ECOSYSTEMS (the names of the OSV schema and the types of package URLs, lower-cased) and two
functions: `order(text)` gives a key that Python orders as the ecosystem's own tool orders versions, and raises VersionError for what
has no place in that order; `is_valid(text)` says whether the ecosystem's own tool takes the text for a version. Keys of one scheme
compare with each other only.
"""
