"""Parsers of version ranges: one syntax a file, found by scanning this folder.

A syntax is a module with TITLE, SYNTAXES (the names it goes by, lower-cased) and `parse(text, ecosystem)`, which gives a VersionRange
and raises VersionError. Most syntaxes have an order of versions of their own and leave the ecosystem alone.
"""
