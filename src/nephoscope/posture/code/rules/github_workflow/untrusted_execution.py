"""Privileged workflows should not run code of strangers."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.checkouts import PRIVILEGED, find_checkout_run, find_head_checkout
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-untrusted-execution",
    title="Privileged workflows should not run code of strangers",
    severity=Severity.CRITICAL,
    description=(
        "A build, a test or an installation runs files of the checked-out pull request, with the secrets "
        "and the token of the workflow."
    ),
    steps=("Run them in a workflow on pull_request, which has no secrets.",),
    equivalents=("poutine:untrusted_checkout_exec",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each step that runs files of a stranger's checkout."""
    if not workflow.is_triggered_by(*PRIVILEGED):
        return
    jobs = [job.steps for job in workflow.jobs]
    for steps in jobs:
        checked_out = False
        for step in steps:
            checked_out = checked_out or find_head_checkout(step) is not None
            place = find_checkout_run(workflow, step) if checked_out else None
            if place is not None:
                yield CodeMatch(
                    place,
                    "the step runs code of a stranger where secrets are",
                    subject=step.subject,
                    scope=step.node.span,
                )
