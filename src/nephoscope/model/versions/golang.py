"""Versions of Go modules: semantic versions that begin with `v`; advisories and build information leave it out at times.

Source: the Go modules reference, "Versions". Versions of Go itself (`go1.22.1`, `1.22rc1`) are read too.
"""

from __future__ import annotations

import re

from nephoscope.model.versions import semantic

TITLE = "Go modules"
ECOSYSTEMS = ("go", "golang")

_VALID = re.compile(r"v\d+(?:\.\d+(?:\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?)?", re.ASCII)
_TOOLCHAIN = re.compile(r"(?:go)?(\d+(?:\.\d+)*)((?:alpha|beta|rc)\d+)", re.ASCII)


def order(text: str) -> semantic.SemanticKey:
    """Return the key of a version; raises VersionError for what does not begin with a number."""
    version = text.strip().removeprefix("go")
    found = _TOOLCHAIN.fullmatch(version)
    return semantic.order(f"{found[1]}-{found[2]}" if found else version)


def is_valid(text: str) -> bool:
    """Return whether Go takes the text for a version of a module; a short one has neither a pre-release nor a build."""
    return _VALID.fullmatch(text) is not None
