"""A Dockerfile should begin with FROM or ARG."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import KEYWORDS, Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3061",
    title="A Dockerfile should begin with FROM or ARG",
    severity=Severity.MEDIUM,
    description="Docker refuses other instructions before the first FROM.",
    steps=("Move the instruction behind FROM.",),
    equivalents=("hadolint:DL3061",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each instruction that breaks the rule."""
    for instruction in file.list_instructions(*sorted(KEYWORDS - {"ARG", "FROM"})):
        if instruction.stage < 0:
            yield CodeMatch(instruction.keyword_span, f"{instruction.keyword} stands before the first FROM")
