"""Workflows should not have every right."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-write-all",
    title="Workflows should not have every right",
    severity=Severity.HIGH,
    description=(
        "With write-all the token of the workflow may change code, packages, releases and settings of Actions: an action that was "
        "taken over has it all."
    ),
    steps=(
        "Set permissions: {} for the workflow.",
        "Give the job just the rights that it needs.",
    ),
    equivalents=("scorecard:TokenPermissions",),
    tags=("PA-7",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give write-all of a workflow with one job; that of many is found by the rule about their rights."""
    node = workflow.get("permissions")
    if len(workflow.jobs) == 1 and node is not None and node.kind == "scalar" and node.text == "write-all":
        yield CodeMatch(node.span, "the workflow has write-all")
