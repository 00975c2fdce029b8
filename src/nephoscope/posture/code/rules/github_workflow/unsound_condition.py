"""Conditions should be one expression."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.expression import find_fences
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unsound-condition",
    title="Conditions should be one expression",
    severity=Severity.HIGH,
    description=(
        "A condition with text around ${{ }}, as a line feed of a block, is a text that is not empty: it "
        "is always true."
    ),
    steps=("Write the condition without ${{ }}, or use |- and >-.",),
    equivalents=(
        "zizmor:unsound-condition",
        "poutine:if_always_true",
    ),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each condition that is always true for what stands around its expression."""
    nodes = [(job.node.key("if"), job.get("if")) for job in workflow.jobs]
    nodes += [(step.node.key("if"), step.get("if")) for step in workflow.steps]
    for key, node in nodes:
        if key is None or node is None or node.kind != "scalar":
            continue
        fences = find_fences(node.text)
        if fences and (len(fences) > 1 or fences[0][0] != TextSpan(0, len(node.text))):
            yield CodeMatch(
                key.span,
                "text surrounds the expression, so the condition is always true",
                scope=TextSpan(key.span.start, node.span.end),
            )
