"""Findings should not be ignored inline."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL1001",
    title="Findings should not be ignored inline",
    severity=Severity.LOW,
    description="A comment that ignores a rule hides the finding from the reviewers of the build.",
    steps=("Remove the ignore comment, or record an exemption with a reason and an end.",),
    equivalents=("hadolint:DL1001",),
    optional=True,
)

_PRAGMA = re.compile(r"hadolint\s+(?:global\s+)?ignore\s*=", re.IGNORECASE)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each comment that ignores rules."""
    for comment in file.comments:
        if _PRAGMA.match(comment.text):
            yield CodeMatch(
                TextSpan(comment.start, comment.start + 1), f"the comment ignores findings: {comment.text}"
            )
