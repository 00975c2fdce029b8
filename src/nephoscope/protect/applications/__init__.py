"""Adaptive application control: what groups of similar machines run, and which of it is accepted."""
