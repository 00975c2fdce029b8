"""Find which of many keywords occur in a text, in two passes whatever their number."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

#: So many bytes of a text are looked at together.
_CHUNK = 1_048_576
_PART = 3
_MARKS = 65_536


class KeywordIndex:
    """Words in lower case, by the marks of the three-letter parts that they are made of."""

    def __init__(self, keywords: Iterable[str]) -> None:
        """Take words in; each has at least one letter."""
        words = dict.fromkeys(keywords)
        self._short = tuple(word for word in words if len(word.encode()) < _PART)
        self._long = tuple(word for word in words if len(word.encode()) >= _PART)
        marks = [_compute_trigram_marks(word.encode()) for word in self._long]
        self._marks = np.concatenate(marks) if marks else np.zeros(0, dtype=np.uint16)
        self._starts = np.cumsum([0, *map(len, marks)])[:-1]

    def find_words(self, lowered: str) -> frozenset[str]:
        """Return the words that stand in a text in lower case."""
        seen = np.zeros(_MARKS, dtype=np.bool_)
        content = lowered.encode("utf-8", "surrogatepass")
        for start in range(0, len(content), _CHUNK):
            # parts that begin in a piece end behind it
            seen[_compute_trigram_marks(content[start : start + _CHUNK + _PART - 1])] = True
        likely = self._short
        if self._long:
            whole = np.logical_and.reduceat(seen[self._marks], self._starts)
            likely += tuple(self._long[place] for place in np.flatnonzero(whole))
        return frozenset(word for word in likely if word in lowered)


def _compute_trigram_marks(content: bytes) -> npt.NDArray[np.uint16]:
    """Return a mark of 16 bits for each three bytes that follow each other; none for a shorter content."""
    letters = np.frombuffer(content, dtype=np.uint8).astype(np.uint16)
    if len(letters) < _PART:
        return letters[:0]
    # sums over 65,535 wrap around: different parts may have one mark, the same part always has the same
    return letters[:-2] * np.uint16(961) + letters[1:-1] * np.uint16(31) + letters[2:]
