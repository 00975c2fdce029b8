"""ONBUILD should not trigger FROM, MAINTAINER or ONBUILD."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3043",
    title="ONBUILD should not trigger FROM, MAINTAINER or ONBUILD",
    severity=Severity.MEDIUM,
    description="Docker refuses these triggers.",
    steps=("Remove the trigger.",),
    equivalents=("hadolint:DL3043",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each instruction that breaks the rule."""
    for instruction in file.list_instructions("ONBUILD"):
        if instruction.words and instruction.words[0].text.upper() in ("ONBUILD", "FROM", "MAINTAINER"):
            yield CodeMatch(instruction.span, f"ONBUILD cannot trigger {instruction.words[0].text}")
