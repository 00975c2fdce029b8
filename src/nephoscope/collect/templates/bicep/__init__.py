"""Bicep files: compiled by the installed `bicep`, and read as they are written for the places of what they compile to."""

BICEP = ".bicep"
PARAMETERS = ".bicepparam"
