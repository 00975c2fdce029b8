"""Names of stages should be unique."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3024",
    title="Names of stages should be unique",
    severity=Severity.MEDIUM,
    description="The later stage of a name hides the earlier one.",
    steps=("Give each stage a name of its own.",),
    equivalents=("hadolint:DL3024",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each stage whose name an earlier one has."""
    seen: set[str] = set()
    for stage in file.stages:
        if stage.name and stage.name.lower() in seen:
            yield CodeMatch(stage.instruction.words[2].span, f"another stage is named {stage.name}")
        seen.add(stage.name.lower())
