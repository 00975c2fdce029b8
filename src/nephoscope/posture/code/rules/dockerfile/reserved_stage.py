"""Stages should not have a reserved name."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3063",
    title="Stages should not have a reserved name",
    severity=Severity.MEDIUM,
    description="scratch and context mean something else to Docker.",
    steps=("Rename the stage.",),
    equivalents=("hadolint:DL3063",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each stage with a reserved name."""
    for stage in file.stages:
        if stage.name.lower() in ("scratch", "context"):
            yield CodeMatch(stage.instruction.words[2].span, f"{stage.name} is a reserved name")
