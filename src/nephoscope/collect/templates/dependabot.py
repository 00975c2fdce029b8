"""Dependabot's settings of a repository."""

from __future__ import annotations

import re

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.yaml_tree import YamlNode, parse_yaml

TITLE = "Dependabot settings"
PRECEDENCE = 10
_NAME = re.compile(r"(?:^|/)\.github/dependabot\.ya?ml$")


def recognizes(name: str, head: str) -> bool:
    """Claim the file by its name."""
    return bool(_NAME.search(name)) and bool(head)


def read(source: SourceText) -> YamlNode:
    """Parse the settings; raises UnreadableFileError."""
    documents = parse_yaml(source)
    if not documents or documents[0].kind != "map":
        raise UnreadableFileError("the settings must be a map with `version` and `updates`")
    return documents[0]
