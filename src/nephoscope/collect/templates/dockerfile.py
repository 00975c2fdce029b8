"""Dockerfiles and Containerfiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.collect.templates.discovery import UnreadableFileError

if TYPE_CHECKING:
    from nephoscope.collect.templates.docker.parser import Dockerfile
    from nephoscope.collect.templates.source_text import SourceText

TITLE = "Dockerfile"
PRECEDENCE = 30
MAX_SIZE = 500_000
_NAME = re.compile(
    r"(?:^|/)(?:(?:docker|container)file(?:[.-][^/]*)?|[^/]*\.(?:docker|container)file)$", re.IGNORECASE
)
_OTHER = re.compile(r"\.(?:dockerignore|ya?ml|json|md|py|sh|go|lock)$", re.IGNORECASE)


def recognizes(name: str, _head: str) -> bool:
    """Claim a file by its name."""
    return bool(_NAME.search(name)) and not _OTHER.search(name)


def read(source: SourceText) -> Dockerfile:
    """Parse a Dockerfile; a text that is none gives unknown instructions. Raises UnreadableFileError for an empty one."""
    from nephoscope.collect.templates.docker.parser import parse_dockerfile

    if not source.text.strip():
        raise UnreadableFileError("the Dockerfile is empty: it builds nothing")
    return parse_dockerfile(source)
