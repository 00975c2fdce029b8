"""CMD and ENTRYPOINT should be JSON arrays."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3025",
    title="CMD and ENTRYPOINT should be JSON arrays",
    severity=Severity.MEDIUM,
    description=(
        "The shell form runs a shell as process 1, which does not pass on signals: the container is "
        "killed instead of stopped."
    ),
    steps=('Write ["program", "argument"].',),
    equivalents=("hadolint:DL3025",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each instruction that breaks the rule."""
    for instruction in file.list_instructions("CMD", "ENTRYPOINT"):
        if instruction.exec_form is None:
            yield CodeMatch(instruction.span, f"{instruction.keyword} is not a JSON array")
