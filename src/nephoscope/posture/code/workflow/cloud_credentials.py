"""Credentials of clouds that a workflow takes from stored secrets, where an identity of the run would do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.collect.templates.shell.command import ShellCommand
    from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowStep
    from nephoscope.collect.templates.yaml_tree import YamlNode

#: Inputs of actions that hold a key, a password or a token without an end.
STORED_INPUTS: dict[str, tuple[str, ...]] = {
    "aws-actions/configure-aws-credentials": ("aws-secret-access-key",),
    "azure/aks-set-context": ("creds",),
    "azure/appservice-settings": ("publish-profile",),
    "azure/docker-login": ("password",),
    "azure/functions-action": ("publish-profile",),
    "azure/login": ("creds",),
    "azure/static-web-apps-deploy": ("azure_static_web_apps_api_token",),
    "azure/webapps-deploy": ("publish-profile",),
    "google-github-actions/auth": ("credentials_json",),
}
#: Variables that Azure's, Amazon's and Google's programs and Terraform's providers sign in with.
STORED_VARIABLES = frozenset({
    "ARM_ACCESS_KEY", "ARM_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "AZURE_CREDENTIALS", "AZURE_STORAGE_KEY",
    "GOOGLE_CREDENTIALS",
})  # fmt: skip


def find_stored_credential_inputs(step: WorkflowStep) -> Iterator[tuple[str, YamlNode]]:
    """Give the inputs of a step's action that hold a stored credential, with their names."""
    uses = step.uses
    for name in STORED_INPUTS.get(uses.name, ()) if uses else ():
        node = step.get_input(name)
        if node is not None and node.kind == "scalar" and node.text.strip():
            yield name, node


def find_stored_credential_variables(workflow: Workflow) -> Iterator[tuple[str, YamlNode]]:
    """Give the variables of the workflow, its jobs and steps that a stored credential is in."""
    holders = [workflow.get("env"), *(job.get("env") for job in workflow.jobs)]
    holders += [step.get("env") for step in workflow.steps]
    for holder in holders:
        for key, value in holder.pairs if holder is not None else []:
            if key.text.upper() in STORED_VARIABLES and "secrets." in value.text:
                yield key.text, value


def signs_in_with_password(command: ShellCommand) -> bool:
    """Tell whether a command signs in to Azure as a service principal with its password."""
    return (
        command.program.removesuffix(".cmd") == "az"
        and command.operands[:1] == ["login"]
        and command.has_flag("service-principal")
        and command.has_flag("password", "p")
    )
