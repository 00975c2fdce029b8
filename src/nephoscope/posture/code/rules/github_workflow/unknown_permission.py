"""Rights should exist."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.permissions import ALL, SCOPES
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unknown-permission",
    title="Rights should exist",
    severity=Severity.LOW,
    description="GitHub refuses a workflow that names a right or a value that it does not know.",
    steps=("Correct the name or the value.",),
    equivalents=("actionlint:permissions",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each right and value that GitHub does not know."""
    for node in (workflow.get("permissions"), *(job.get("permissions") for job in workflow.jobs)):
        if node is None:
            continue
        if node.kind == "scalar" and node.text not in ALL and "${{" not in node.text:
            yield CodeMatch(
                node.span, f"{node.text!r} is no value for all rights: write read-all, write-all or {{}}"
            )
        for key, value in node.pairs:
            if key.text not in SCOPES:
                yield CodeMatch(key.span, f"{key.text} is no right of the token")
            elif value.text not in SCOPES[key.text] and "${{" not in value.text:
                yield CodeMatch(
                    value.span, f"{key.text} takes {', '.join(SCOPES[key.text])}, not {value.text}"
                )
