"""The order of strings: linguistic, in the invariant culture ('a' before 'A' before 'b'), not by code point.

Documented for `less` and its kin by their example: 'A' is greater than 'a'. Levels as in the Unicode collation
algorithm: base characters, then accents, then case; blanks and signs sort before digits, digits before letters.
Exact for ASCII and for letters that decompose into a base letter and accents; other scripts sort by code point.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TypeAlias

Key: TypeAlias = tuple[tuple[tuple[int, str], ...], tuple[str, ...], tuple[bool, ...], str]

_SIGNS = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$"
_RANK = {sign: place for place, sign in enumerate("\t\n\v\f\r" + _SIGNS)}


def build_collation_key(text: str) -> Key:
    """A key that orders strings as the language does; short strings, which are mostly api-versions, are remembered."""
    return _remembered(text) if len(text) <= 32 else _parse_key(text)


def _parse_key(text: str) -> Key:
    decomposed = unicodedata.normalize("NFD", text)
    base = [character for character in decomposed if not unicodedata.combining(character)]
    accents = tuple(character for character in decomposed if unicodedata.combining(character))
    return tuple(map(_rank_character, base)), accents, tuple(character.isupper() for character in base), text


_remembered = lru_cache(maxsize=1024)(_parse_key)


def _rank_character(character: str) -> tuple[int, str]:
    if character in _RANK:
        return 0, chr(_RANK[character])
    if character.isdigit():
        return 2, character
    return (3, character.casefold()) if character.isalpha() else (1, character)
