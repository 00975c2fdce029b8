"""Deprecated workflow commands should not be used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.scripts import list_scripts
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-deprecated-command",
    title="Deprecated workflow commands should not be used",
    severity=Severity.LOW,
    description=(
        "Commands in the output can be forged by whatever is printed; GitHub has replaced them by files."
    ),
    steps=("Write to $GITHUB_OUTPUT, $GITHUB_ENV, $GITHUB_PATH or $GITHUB_STATE.",),
    equivalents=("actionlint:deprecated-commands",),
)

_COMMAND = re.compile(r"::(set-output|save-state|set-env|add-path)\b[^:\n]*::")


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each script that prints such a command."""
    for step, node in list_scripts(workflow):
        raw = workflow.source.get_text(node.span)
        match = _COMMAND.search(raw)
        if match is not None:
            key = step.node.key("run")
            place = key.span if key is not None else node.span
            yield CodeMatch(place, f"{match[1]} is deprecated", subject=step.subject, scope=step.node.span)
