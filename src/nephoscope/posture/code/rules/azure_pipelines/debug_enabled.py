"""Debug logs should be off."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import list_variables
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-debug-enabled",
    title="Debug logs should be off",
    severity=Severity.LOW,
    description="Debug logs print variables and more of what a job does, to everybody who reads the log.",
    steps=("Remove the variable.",),
    equivalents=("poutine:debug_enabled",),
)

_NAMES = frozenset({"system.debug"})


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each variable that switches debug logs on."""
    for name, node in list_variables(pipeline):
        if name.text.lower() in _NAMES and node.is_true:
            yield CodeMatch(TextSpan(name.span.start, node.span.end), f"{name.text} is on")
