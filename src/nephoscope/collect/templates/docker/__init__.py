"""Dockerfiles as instructions and stages."""
