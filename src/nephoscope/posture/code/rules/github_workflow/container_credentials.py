"""Passwords of registries should be secrets."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-container-credentials",
    title="Passwords of registries should be secrets",
    severity=Severity.HIGH,
    description=(
        "A password that is written into a workflow is readable by everybody who reads the repository."
    ),
    steps=(
        "Store it as a secret and write ${{ secrets.NAME }}.",
        "Replace the password: it is in the history.",
    ),
    equivalents=(
        "zizmor:hardcoded-container-credentials",
        "actionlint:credentials",
    ),
    tags=("IM-8",),
    conceals=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each password of a container or service that is written out."""
    for job in workflow.jobs:
        services = job.get("services")
        nodes = [
            job.get("container"),
            *(value for _, value in (services.pairs if services is not None else [])),
        ]
        for node in nodes:
            password = node.get("credentials", "password") if node is not None else None
            if password is not None and password.kind == "scalar" and "${{" not in password.text:
                yield CodeMatch(
                    password.span, "the password of the registry is written out", subject=f"job {job.id}"
                )
