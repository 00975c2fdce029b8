"""MAINTAINER should not be used."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL4000",
    title="MAINTAINER should not be used",
    severity=Severity.LOW,
    description="The instruction is deprecated.",
    steps=("Use LABEL org.opencontainers.image.authors=...",),
    equivalents=("hadolint:DL4000",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each instruction that breaks the rule."""
    for instruction in file.list_instructions("MAINTAINER"):
        if instruction.span:
            yield CodeMatch(instruction.span, "MAINTAINER is deprecated: use a LABEL")
