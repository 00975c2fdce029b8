"""Texts that anybody can write should not be pasted into scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import UNTRUSTED_VARIABLES, references
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-script-injection",
    title="Texts that anybody can write should not be pasted into scripts",
    severity=Severity.HIGH,
    description=(
        "Azure Pipelines replaces $(variable) in the script before the shell reads it: the name of a "
        "branch or the message of a commit becomes code that runs with the rights of the pipeline."
    ),
    steps=("Hand the value over by env: and use it as a quoted variable.",),
    equivalents=("poutine:injection",),
)

_MACRO = re.compile(r"\$\(([\w.]+)\)|\$\{\{\s*variables\[?['.]?([\w.]+)'?\]?\s*\}\}")


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each reference in a script to a variable that people outside of the project write."""
    for step in pipeline.steps:
        for node in step.scripts:
            for name, span in references(pipeline, node, _MACRO):
                if name.lower() in UNTRUSTED_VARIABLES:
                    yield CodeMatch(
                        span,
                        f"{name} is written by anybody and becomes part of the script",
                        subject=step.subject,
                    )
