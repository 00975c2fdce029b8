"""Workflows and jobs should have names."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-anonymous",
    title="Workflows and jobs should have names",
    severity=Severity.INFORMATIONAL,
    description="Runs without a name cannot be distinguished in lists and required checks.",
    steps=("Add name:.",),
    equivalents=("zizmor:anonymous-definition",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give the workflow and each job without a name."""
    if workflow.get("name") is None:
        yield CodeMatch(workflow.start, "the workflow has no name")
    for job in workflow.jobs:
        if job.get("name") is None:
            yield CodeMatch(job.key.span, "the job has no name", subject=f"job {job.id}")
