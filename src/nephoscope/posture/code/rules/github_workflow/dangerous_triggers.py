"""Workflows should not run with secrets on changes of strangers."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-dangerous-triggers",
    title="Workflows should not run with secrets on changes of strangers",
    severity=Severity.HIGH,
    description=(
        "pull_request_target, workflow_run and issue_comment run with the secrets and a token that can "
        "write, on behalf of anyone who opens a pull request from a fork or writes a comment."
    ),
    steps=(
        "Use pull_request where the workflow builds or tests the change.",
        "Else check out no code of the pull request, and give the token no rights.",
    ),
    equivalents=("zizmor:dangerous-triggers",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each such trigger."""
    for event in ("pull_request_target", "workflow_run", "issue_comment"):
        key = workflow.trigger_keys.get(event)
        if key is not None:
            yield CodeMatch(key.span, f"{event} runs with secrets for changes of strangers")
