"""Names of repositories, and the scope at which roles hold on them."""

from __future__ import annotations

import re

SCOPE = "/repositories/"
_SEGMENT = r"[A-Za-z0-9_~-](?:[A-Za-z0-9_.~ -]{0,98}[A-Za-z0-9_.~-])?"
_NAME = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT}){{0,9}}")


class RepositoryNameError(ValueError):
    """A text that cannot name a repository."""


def get_repository_key(name: str) -> str:
    """Return the key of a repository's name, which is the name in lower case; raises RepositoryNameError."""
    if not _NAME.fullmatch(name):
        raise RepositoryNameError(
            "use up to ten parts divided by '/', each of up to 100 letters, digits, '.', '-', '_', '~' and spaces,"
            f" as in github.com/contoso/shop (got {name[:100]!r})"
        )
    return name.lower()


def get_repository_scope(name: str) -> str:
    """Return the scope of the permissions on a repository."""
    return SCOPE + name.lower()
