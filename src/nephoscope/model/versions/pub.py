"""Versions of Dart packages: semantic versions whose build counts.

Source: the documentation of Dart's package manager, "Package versioning".
"""

from __future__ import annotations

from nephoscope.model.versions import semantic

TITLE = "Dart packages"
ECOSYSTEMS = ("pub", "dart")


def order(text: str) -> tuple[semantic.SemanticKey, tuple[semantic.Identifier, ...]]:
    """Return the key of a version; raises VersionError for what does not begin with a number."""
    build = semantic.split_version(text)[2]
    return semantic.order(text), tuple(map(semantic.build_identifier_key, build.split("."))) if build else ()


is_valid = semantic.is_valid
