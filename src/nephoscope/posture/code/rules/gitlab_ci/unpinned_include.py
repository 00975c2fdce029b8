"""Included files should be pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="gitlab-unpinned-include",
    title="Included files should be pinned",
    severity=Severity.MEDIUM,
    description=(
        "A file of another project or server is fetched for each pipeline: anyone who changes it runs "
        "code with your secrets."
    ),
    steps=("Name a commit by ref:, and a hash of a remote file by integrity:.",),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each included file that may change."""
    include = pipeline.root.get("include")
    items = (
        include.items
        if include is not None and include.kind == "list"
        else [include]
        if include is not None
        else []
    )
    for item in items:
        remote, project, ref = item.get("remote"), item.get("project"), item.get("ref")
        if remote is not None and item.get("integrity") is None:
            yield CodeMatch(remote.span, "the remote file has no integrity")
        elif project is not None and (ref is None or not re.fullmatch(r"[0-9a-f]{40}", ref.text)):
            yield CodeMatch((ref or project).span, "the file of the other project is not pinned to a commit")
