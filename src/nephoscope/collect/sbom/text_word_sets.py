"""Sets of words out of texts."""

from __future__ import annotations


def split_words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())
