"""Workflows should not write code, packages or results."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.permissions import GRAVE, list_writable_scopes
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-write-permissions",
    title="Workflows should not write code, packages or results",
    severity=Severity.HIGH,
    description=(
        "A right of the workflow holds in every job: an action that was taken over pushes code, "
        "packages, or results of checks."
    ),
    steps=(
        "Set permissions: {} for the workflow.",
        "Give the right to the one job that needs it.",
    ),
    equivalents=(
        "zizmor:excessive-permissions",
        "scorecard:TokenPermissions",
    ),
    tags=("PA-7",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give the grave rights of a workflow of many jobs, and write-all."""
    node = workflow.get("permissions") if len(workflow.jobs) > 1 else None
    if node is not None and node.kind == "scalar" and node.text == "write-all":
        yield CodeMatch(node.span, "all jobs have write-all")
    for key, value in list_writable_scopes(node):
        if key.text in GRAVE:
            yield CodeMatch(TextSpan(key.span.start, value.span.end), f"all jobs may write {key.text}")
