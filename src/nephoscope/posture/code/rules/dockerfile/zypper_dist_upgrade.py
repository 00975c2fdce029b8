"""zypper dist-upgrade should not be used."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import run_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3035",
    title="zypper dist-upgrade should not be used",
    severity=Severity.LOW,
    description="The distribution is replaced by another one than the base image names.",
    steps=("Use a newer base image.",),
    equivalents=("hadolint:DL3035",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each upgrade of the distribution."""
    for _, command in run_commands(file):
        if command.program == "zypper" and {"dist-upgrade", "dup"} & set(command.operands):
            yield CodeMatch(command.span, "the distribution is upgraded in the build")
