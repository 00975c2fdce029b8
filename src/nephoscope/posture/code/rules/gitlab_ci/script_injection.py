"""Inputs should not be pasted into scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import references
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="gitlab-script-injection",
    title="Inputs should not be pasted into scripts",
    severity=Severity.HIGH,
    description=(
        "GitLab replaces $[[ inputs.name ]] in the script before the shell reads it: an input becomes code."
    ),
    steps=("Assign the input to a variable and use that in quotes.",),
    equivalents=("poutine:injection",),
)

_INPUT = re.compile(r"\$\[\[\s*inputs\.([\w-]+)[^\]]*\]\]")


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each input that is pasted into a script."""
    for step in pipeline.steps:
        for node in step.scripts:
            for name, span in references(pipeline, node, _INPUT):
                yield CodeMatch(span, f"the input {name} becomes part of the script", subject=step.subject)
