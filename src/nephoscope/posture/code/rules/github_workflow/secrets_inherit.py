"""Called workflows should get the secrets that they need."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-secrets-inherit",
    title="Called workflows should get the secrets that they need",
    severity=Severity.MEDIUM,
    description="secrets: inherit hands over all secrets of the repository and the organization.",
    steps=("Name the secrets: secrets: with NAME: ${{ secrets.NAME }}.",),
    equivalents=("zizmor:secrets-inherit",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each call that inherits all secrets."""
    for job in workflow.jobs:
        uses, secrets = job.get("uses"), job.get("secrets")
        if uses is not None and secrets is not None and secrets.text == "inherit":
            yield CodeMatch(
                uses.span,
                "the called workflow gets all secrets",
                subject=f"job {job.id}",
                scope=job.node.span,
            )
