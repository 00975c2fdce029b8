"""Names of images, as Dockerfiles and Compose files write them: `registry/repository:tag@digest`, with variables."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: No registry takes a longer name with its tag and digest.
_LONGEST = 1_000
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+])([^}]{0,500}))?\})")
_REFERENCE = re.compile(r"((?:[\w.-]+(?::\d+)?/)?[\w./-]+?)(?::([\w.-]+))?(?:@([a-z0-9]+:[0-9a-fA-F]+))?")


def substitute_variables(text: str, values: Mapping[str, str]) -> str | None:
    """Return a text with its variables replaced; None where one has no value."""
    missing = False

    def get_variable(found: re.Match[str]) -> str:
        nonlocal missing
        given = values.get(found[1] or found[2])
        if (found[3] or "").endswith("+"):
            return found[4] if given is not None else ""
        if given or (given is not None and found[3] != ":-"):
            return given
        missing = missing or found[3] is None
        return found[4] or ""

    filled = _VARIABLE.sub(get_variable, text)
    return None if missing else filled


def split_image(text: str) -> tuple[str, str] | None:
    """Return name and version of an image: its digest, else its tag, else `latest`; None where the text is no image."""
    found = _REFERENCE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or text != text.strip():
        return None
    return found[1], found[3] or found[2] or "latest"
