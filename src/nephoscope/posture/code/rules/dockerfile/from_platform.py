"""FROM should name no fixed platform."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3029",
    title="FROM should name no fixed platform",
    severity=Severity.LOW,
    description="A fixed platform breaks builds for others.",
    steps=("Leave out --platform, or use $BUILDPLATFORM or $TARGETPLATFORM.",),
    equivalents=("hadolint:DL3029",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each instruction that breaks the rule."""
    for instruction in file.list_instructions("FROM"):
        if (platform := instruction.get_flag("platform")) is not None and "PLATFORM" not in platform.upper():
            yield CodeMatch(instruction.span, f"the platform is fixed to {platform}")
