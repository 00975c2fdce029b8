"""Containers should not run as root."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3002",
    title="Containers should not run as root",
    severity=Severity.HIGH,
    description=(
        "A process that breaks out of its application has the rights of its user; root owns every file "
        "of the image and more of the host than any other."
    ),
    steps=(
        "Create a user in the image.",
        "End the stage with USER and that user.",
    ),
    equivalents=("hadolint:DL3002",),
    tags=("PV-6",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give the last USER of each stage that is root."""
    for stage in sorted({instruction.stage for instruction in file.instructions}):
        users = file.list_stage_instructions(stage, "USER")
        if users and users[-1].words and users[-1].words[0].text.split(":")[0] in ("root", "0"):
            yield CodeMatch(users[-1].span, "the last USER of the stage is root")
