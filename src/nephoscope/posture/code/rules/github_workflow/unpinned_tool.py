"""Tools that actions install should have a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.actions import TOOL_INSTALLERS
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unpinned-tool",
    title="Tools that actions install should have a version",
    severity=Severity.MEDIUM,
    description="An action that installs the newest release runs whatever was released last.",
    steps=("Name the version of the tool.",),
    equivalents=("zizmor:unpinned-tools",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each action that installs a tool in its newest or an unknown version."""
    for step in workflow.steps:
        uses = step.uses
        name = TOOL_INSTALLERS.get(uses.name) if uses else None
        if name is None:
            continue
        node, place = step.get_input(name), step.get("uses")
        if node is None and place is not None:
            yield CodeMatch(
                place.span,
                f"{name} is not named: the newest is installed",
                subject=step.subject,
                scope=step.node.span,
            )
        elif node is not None and (
            node.text.strip().lower() in ("latest", "stable", "") or "${{" in node.text
        ):
            yield CodeMatch(
                node.span, f"{name} is {node.text or 'empty'}", subject=step.subject, scope=step.node.span
            )
