"""Rights that write should be given to jobs."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.permissions import GRAVE, list_writable_scopes
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-workflow-write-permission",
    title="Rights that write should be given to jobs",
    severity=Severity.LOW,
    description=(
        "A right of the workflow holds for every job that is added later; without any the default holds, "
        "which may write."
    ),
    steps=(
        "Set permissions: {} for the workflow.",
        "Move the rights to the jobs that need them.",
    ),
    equivalents=(
        "zizmor:excessive-permissions",
        "scorecard:TokenPermissions",
    ),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give the workflow without rights of its own, and grave rights of one whose only job they are for."""
    if workflow.is_action:
        return
    node = workflow.get("permissions")
    if node is None:
        yield CodeMatch(workflow.start, "the workflow takes the default rights of the token, which may write")
    if len(workflow.jobs) > 1:
        return
    if node is not None and node.kind == "scalar" and node.text == "write-all":
        yield CodeMatch(node.span, "the whole workflow has write-all")
    for key, value in list_writable_scopes(node):
        if key.text in GRAVE:
            yield CodeMatch(
                TextSpan(key.span.start, value.span.end), f"the whole workflow may write {key.text}"
            )
