"""The rights of a workflow's token. Source: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#permissions."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowJob
from nephoscope.collect.templates.yaml_tree import YamlNode

SCOPES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        [
            "actions",
            "artifact-metadata",
            "attestations",
            "checks",
            "code-quality",
            "contents",
            "deployments",
            "discussions",
            "issues",
            "packages",
            "pages",
            "pull-requests",
            "repository-projects",
            "security-events",
            "statuses",
        ],
        ("read", "write", "none"),
    ),
    "id-token": ("write", "none"),
    "models": ("read", "none"),
    "metadata": ("read", "none"),
    "vulnerability-alerts": ("read", "none"),
    "copilot-requests": ("write", "none"),
}
#: Rights that change what others run or trust: code, packages, results of checks, deployments.
GRAVE = frozenset({
    "actions", "attestations", "checks", "contents", "deployments", "id-token", "packages", "security-events", "statuses",
})  # fmt: skip
ALL = frozenset({"read-all", "write-all"})


def list_writable_scopes(node: YamlNode | None) -> Iterator[tuple[YamlNode, YamlNode]]:
    """Give the scopes of a `permissions` that may write."""
    for key, value in node.pairs if node is not None else []:
        if value.text == "write":
            yield key, value


def grants(workflow: Workflow, job: WorkflowJob | None, scope: str) -> bool:
    """Tell whether the token of a job has write access in a scope."""
    node = job.get("permissions") if job is not None else None
    node = node or workflow.get("permissions")
    if node is None:
        return False
    if node.kind == "scalar":
        return node.text == "write-all"
    value = node.get(scope)
    return value is not None and value.text == "write"
