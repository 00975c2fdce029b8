"""Workflows should sign in to clouds with federated credentials."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.cloud_credentials import (
    find_stored_credential_inputs,
    find_stored_credential_variables,
    signs_in_with_password,
)
from nephoscope.posture.code.workflow.scripts import list_shell_commands
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-stored-cloud-credentials",
    title="Workflows should sign in to clouds with federated credentials",
    severity=Severity.MEDIUM,
    description=(
        "A password or key of a cloud that is stored as a secret lives long, and each step of the job can read it; a federated "
        "credential is valid for one run."
    ),
    steps=(
        "Create a federated credential for the repository and environment (azure/login: client-id, tenant-id, subscription-id).",
        "Give the job id-token: write, and delete the secret and the password.",
    ),
    tags=("IM-3", "IM-8"),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each input, variable and command that signs in with a stored credential."""
    for step in workflow.steps:
        for name, node in find_stored_credential_inputs(step):
            said = f"{name} is a stored credential"
            yield CodeMatch(node.span, said, subject=step.subject, scope=step.node.span)
        for command in list_shell_commands(workflow, step):
            if signs_in_with_password(command):
                said = "az login uses the stored password of a service principal"
                yield CodeMatch(command.span, said, subject=step.subject, scope=step.node.span)
    for name, node in find_stored_credential_variables(workflow):
        yield CodeMatch(node.span, f"{name} is a stored credential")
