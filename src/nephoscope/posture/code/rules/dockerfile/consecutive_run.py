"""Consecutive RUN instructions should be one."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.instruction import Instruction
from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3059",
    title="Consecutive RUN instructions should be one",
    severity=Severity.INFORMATIONAL,
    description="Each RUN makes a layer, and what a later one deletes stays in the earlier.",
    steps=("Join the commands by &&.",),
    equivalents=("hadolint:DL3059",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each RUN of one command after another such RUN of the same flags."""
    before: Instruction | None = None
    for instruction in file.instructions:
        if instruction.keyword != "RUN" or _is_long(instruction):
            before = None
            continue
        if before is not None and before.stage == instruction.stage and before.flags == instruction.flags:
            yield CodeMatch(instruction.keyword_span, "the RUN before has one command too: join them")
        before = instruction


def _is_long(instruction: Instruction) -> bool:
    return len(instruction.commands) > 1
