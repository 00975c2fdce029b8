"""Privileged workflows should not check out code of strangers."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.checkouts import PRIVILEGED, find_head_checkout
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-untrusted-checkout",
    title="Privileged workflows should not check out code of strangers",
    severity=Severity.CRITICAL,
    description=(
        "The workflow has secrets and a token that may write; code that is checked out from a pull "
        "request runs with them at the next build, test or installation."
    ),
    steps=(
        (
            "Split it: build on pull_request without secrets, and publish the result in a workflow that runs "
            "no code of it."
        ),
        "Or ask for a label or an environment with reviewers before the job.",
    ),
    equivalents=("scorecard:DangerousWorkflow",),
    tags=("DS-6",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each checkout of the head of a pull request in a workflow with secrets."""
    if workflow.is_triggered_by(*PRIVILEGED):
        for step in workflow.steps:
            if (node := find_head_checkout(step)) is not None:
                yield CodeMatch(
                    node.span,
                    "code of a stranger is checked out where secrets are",
                    subject=step.subject,
                    scope=step.node.span,
                )
