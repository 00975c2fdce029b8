"""Versions that are compared as text, character by character, by the numbers of their code points."""

from __future__ import annotations

TITLE = "Versions compared as text"
ECOSYSTEMS = ("lexicographic",)


def order(text: str) -> str:
    """Return the key of a version: itself."""
    return text


def is_valid(text: str) -> bool:
    """Return whether there is a text."""
    return bool(text)
