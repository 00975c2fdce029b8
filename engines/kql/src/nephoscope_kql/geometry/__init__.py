"""Shapes on the sphere: read, written, made of one another."""
