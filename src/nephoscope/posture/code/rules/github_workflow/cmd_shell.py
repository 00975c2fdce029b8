"""Scripts should not run in cmd."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-cmd-shell",
    title="Scripts should not run in cmd",
    severity=Severity.LOW,
    description="cmd has no safe way to quote a value.",
    steps=("Use shell: pwsh or bash.",),
    equivalents=("zizmor:misfeature",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each use of cmd."""
    nodes = [
        workflow.get("defaults", "run"),
        *(job.get("defaults", "run") for job in workflow.jobs),
        *(step.node for step in workflow.steps),
    ]
    for node in nodes:
        key, shell = (node.key("shell"), node.get("shell")) if node is not None else (None, None)
        if key is not None and shell is not None and shell.text == "cmd":
            yield CodeMatch(TextSpan(key.span.start, shell.span.end), "the script runs in cmd")
