"""Jobs should not have rights that others need."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.permissions import ALL, GRAVE, list_writable_scopes
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-excessive-permissions",
    title="Jobs should not have rights that others need",
    severity=Severity.MEDIUM,
    description=(
        "Every step of every job holds the token: an action that was taken over uses what it may write."
    ),
    steps=(
        "Set permissions: {} for the workflow.",
        "Give each job just the rights that it needs.",
    ),
    equivalents=("zizmor:excessive-permissions",),
    tags=("PA-7",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give rights to everything, lesser rights of many jobs that write, and jobs that take the default."""
    if workflow.is_action:
        return
    node = workflow.get("permissions")
    if len(workflow.jobs) > 1:
        if node is not None and node.kind == "scalar" and node.text == "read-all":
            yield CodeMatch(node.span, "all jobs have read-all")
        if node is None and any(job.get("permissions") is None for job in workflow.jobs):
            yield CodeMatch(
                workflow.start, "the workflow takes the default rights of the token, which may write"
            )
        for key, value in list_writable_scopes(node):
            if key.text not in GRAVE:
                yield CodeMatch(TextSpan(key.span.start, value.span.end), f"all jobs may write {key.text}")
    for job in workflow.jobs:
        given = job.get("permissions")
        if given is None and node is None and set(workflow.triggers) != {"workflow_call"}:
            yield CodeMatch(
                job.key.span,
                "the job takes the default rights of the token, which may write",
                subject=f"job {job.id}",
            )
        elif given is not None and given.kind == "scalar" and given.text in ALL:
            yield CodeMatch(given.span, f"the job has {given.text}", subject=f"job {job.id}")
