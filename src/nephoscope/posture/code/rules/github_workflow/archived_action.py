"""Actions should be maintained."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow, parse_uses
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.actions import ARCHIVED
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-archived-action",
    title="Actions should be maintained",
    severity=Severity.MEDIUM,
    description="The repository of the action is archived: what is found in it is not mended.",
    steps=("Replace it by a maintained action.",),
    equivalents=("zizmor:archived-uses",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each action of an archived repository."""
    nodes = [(step.get("uses"), step.subject) for step in workflow.steps] + [
        (job.get("uses"), f"job {job.id}") for job in workflow.jobs
    ]
    for node, subject in nodes:
        uses = parse_uses(node.text) if node is not None else None
        if node is not None and uses is not None and uses.repository in ARCHIVED:
            yield CodeMatch(node.span, f"{uses.repository} is archived", subject=subject)
