"""GitHub Actions: workflows and actions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.collect.templates.discovery import UnreadableFileError

if TYPE_CHECKING:
    from nephoscope.collect.templates.source_text import SourceText
    from nephoscope.collect.templates.workflow.workflow_model import Workflow

TITLE = "GitHub Actions workflow or action"
PRECEDENCE = 10
_WORKFLOW = re.compile(r"(?:^|/)\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml$")
_ACTION = re.compile(r"(?:^|/)action\.ya?ml$")
_RUNS = re.compile(r"^[\"']?runs[\"']?\s*:", re.MULTILINE)


def recognizes(name: str, head: str) -> bool:
    """Claim workflows by their folder, and actions by their name and the key `runs`."""
    return bool(_WORKFLOW.search(name)) or bool(_ACTION.search(name) and _RUNS.search(head))


def read(source: SourceText) -> Workflow:
    """Parse a workflow or an action; raises UnreadableFileError."""
    from nephoscope.collect.templates.workflow.workflow_model import build_workflow
    from nephoscope.collect.templates.yaml_tree import parse_yaml

    documents = parse_yaml(source)
    if not documents or documents[0].kind != "map":
        raise UnreadableFileError("a workflow must be a map with `on` and `jobs`")
    return build_workflow(source, documents[0])
