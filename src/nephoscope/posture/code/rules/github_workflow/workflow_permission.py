"""Rights should be given to jobs, not to workflows."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.permissions import GRAVE, list_writable_scopes
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-workflow-permission",
    title="Rights should be given to jobs, not to workflows",
    severity=Severity.INFORMATIONAL,
    description="A right of the workflow holds for every job that is added later.",
    steps=("Move the rights to the jobs that need them.",),
    equivalents=("zizmor:excessive-permissions",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give the lesser rights of a workflow whose only job they are for."""
    node = workflow.get("permissions") if len(workflow.jobs) <= 1 else None
    if node is not None and node.kind == "scalar" and node.text == "read-all":
        yield CodeMatch(node.span, "the whole workflow has read-all")
    for key, value in list_writable_scopes(node):
        if key.text not in GRAVE:
            yield CodeMatch(
                TextSpan(key.span.start, value.span.end), f"the whole workflow may write {key.text}"
            )
