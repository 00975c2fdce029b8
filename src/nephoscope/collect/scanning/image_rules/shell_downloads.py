"""Downloads that a line of a shell runs unchecked."""

from __future__ import annotations

import re

_DOWNLOAD = r"(?:curl|wget)\b[^|;&\n]{0,2000}"
_SHELL = (
    r"(?:sudo\s+(?:-\S+\s+)*)?(?:/(?:usr/)?bin/)?(?:env\s+)?"
    r"(?:(?:ba|da|z|k|a)?sh|python[\d.]*|perl|ruby|node|php)\b"
)
_PIPED = re.compile(rf"\b{_DOWNLOAD}\|\s*(?:{_SHELL})")
_SUBSTITUTED = re.compile(
    r"(?:\b(?:ba|da|z)?sh\s+-c\s+[\"']?\$\(|\beval\s+[\"']?(?:\$\(|`)|(?:\bsource|\s\.|\b(?:ba|z)?sh)\s+<\()"
    r"\s*(?:curl|wget)\b"
)


def is_download_command(text: str) -> bool:
    """Return whether a text pipes or substitutes what it downloads into an interpreter."""
    return _PIPED.search(text) is not None or _SUBSTITUTED.search(text) is not None
