"""A stage should use one of wget and curl."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import run_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL4001",
    title="A stage should use one of wget and curl",
    severity=Severity.LOW,
    description="Two programs for one thing make the image larger.",
    steps=("Keep one of them.",),
    equivalents=("hadolint:DL4001",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give the uses of curl and wget in stages that use both."""
    uses: dict[int, dict[str, TextSpan]] = {}
    for instruction, command in run_commands(file):
        if command.program in ("curl", "wget"):
            uses.setdefault(instruction.stage, {}).setdefault(command.program, command.words[0].span)
    for used in uses.values():
        if len(used) > 1:
            yield CodeMatch(max(used.values()), "the stage uses both wget and curl")
