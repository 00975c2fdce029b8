"""COPY --from should not name its own stage."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3023",
    title="COPY --from should not name its own stage",
    severity=Severity.MEDIUM,
    description="A stage cannot copy from itself.",
    steps=("Name an earlier stage.",),
    equivalents=("hadolint:DL3023",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each instruction that breaks the rule."""
    for instruction in file.list_instructions("COPY"):
        if (
            instruction.stage >= 0
            and (name := file.stages[instruction.stage].name)
            and (instruction.get_flag("from") or "").lower() == name.lower()
        ):
            yield CodeMatch(instruction.span, "COPY copies from its own stage")
