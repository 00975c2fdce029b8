"""Runners and environments of jobs."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowJob
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.workflow.scripts import list_matrix_values

_LABEL = "self-hosted"


def is_self_hosted(job: WorkflowJob) -> bool:
    """Tell whether a job may run on a machine that GitHub does not host: by its label, a group, or a value of the matrix."""
    node = job.get("runs-on")
    if node is None:
        return False
    if node.get("group") is not None:
        return True
    labels = node.get("labels")
    texts = labels.texts() if labels is not None else node.texts()
    if any(text.lower() == _LABEL for text in texts):
        return True
    if job.steps and any("matrix." in text for text in texts):
        return any(value.text.lower() == _LABEL for value in list_matrix_values(job.steps[0], "*"))
    return False


def list_environments(workflow: Workflow) -> Iterator[tuple[YamlNode, YamlNode, str]]:
    """Give the key and value of each `env`, and what it belongs to."""
    holders = [(workflow.root, "workflow"), *((job.node, f"job {job.id}") for job in workflow.jobs)]
    holders += [(step.node, step.subject) for step in workflow.steps]
    for holder, subject in holders:
        key, env = holder.key("env"), holder.get("env")
        if key is not None and env is not None:
            yield key, env, subject
