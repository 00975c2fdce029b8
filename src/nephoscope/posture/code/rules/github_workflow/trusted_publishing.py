"""Packages should be published by trusted publishing."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.permissions import grants
from nephoscope.posture.code.workflow.publishing import is_publication, uses_token
from nephoscope.posture.code.workflow.scripts import list_shell_commands
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-trusted-publishing",
    title="Packages should be published by trusted publishing",
    severity=Severity.LOW,
    description=(
        "A token of a package index that is stored as a secret lives long and can be stolen; an identity "
        "of the workflow cannot."
    ),
    steps=(
        "Register the workflow as a trusted publisher at the index.",
        "Give the job id-token: write and delete the secret.",
    ),
    equivalents=("zizmor:use-trusted-publishing",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each step that publishes with a stored token."""
    for step in workflow.steps:
        node = step.get("uses")
        if node is not None and uses_token(step):
            yield CodeMatch(
                node.span,
                "the package is published with a stored token",
                subject=step.subject,
                scope=step.node.span,
            )
        elif step.run is not None and not grants(workflow, step.job, "id-token"):
            for command in list_shell_commands(workflow, step):
                if is_publication(command):
                    yield CodeMatch(
                        command.span,
                        f"{command.program} publishes with a stored token",
                        subject=step.subject,
                        scope=step.node.span,
                    )
