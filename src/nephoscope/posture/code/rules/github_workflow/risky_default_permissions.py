"""Workflows of strangers should have set rights."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.checkouts import PRIVILEGED
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-risky-default-permissions",
    title="Workflows of strangers should have set rights",
    severity=Severity.HIGH,
    description=(
        "A workflow that a stranger starts takes the default rights of the token, which may write where "
        "the organization has not changed them."
    ),
    steps=("Set permissions: for the workflow or the job.",),
    equivalents=("poutine:default_permissions_on_risky_events",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give the workflow that strangers start with the default rights."""
    if (
        workflow.is_action
        or not workflow.is_triggered_by(*PRIVILEGED)
        or workflow.get("permissions") is not None
    ):
        return
    if any(job.get("permissions") is None for job in workflow.jobs):
        key = workflow.root.key("on") or workflow.root.key("true")
        yield CodeMatch(
            key.span if key is not None else workflow.start, "a stranger starts jobs with the default rights"
        )
