"""COPY of many files should end in a slash."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3021",
    title="COPY of many files should end in a slash",
    severity=Severity.MEDIUM,
    description="With more than one source the target must be a folder.",
    steps=("Add / to the target.",),
    equivalents=("hadolint:DL3021",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each instruction that breaks the rule."""
    for instruction in file.list_instructions("COPY"):
        if len(instruction.words) > 2 and not instruction.words[-1].text.endswith(("/", "\\")):
            yield CodeMatch(
                instruction.words[-1].span, "COPY has more than one source: its target must end in /"
            )
