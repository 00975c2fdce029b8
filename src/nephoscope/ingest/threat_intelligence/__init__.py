"""Threat intelligence: formats that it comes in (a file a format), and its rows in the lake."""
