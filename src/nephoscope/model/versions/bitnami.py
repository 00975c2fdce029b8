"""Versions of Bitnami's packages: semantic versions with the number of a build behind a dash, which is no pre-release."""

from __future__ import annotations

import re

from nephoscope.model.versions import semantic

TITLE = "Bitnami packages"
ECOSYSTEMS = ("bitnami",)

_BUILD = re.compile(r"-\d+$")


def order(text: str) -> semantic.SemanticKey:
    """Return the key of a version without its build; raises VersionError for what does not begin with a number."""
    return semantic.order(_BUILD.sub("", text.strip()))


def is_valid(text: str) -> bool:
    """Return whether the text is a semantic version, with or without the number of a build."""
    return semantic.is_valid(_BUILD.sub("", text))
