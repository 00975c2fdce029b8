"""Images that workflows run."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.taint_analysis import find_carried_values
from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowJob
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.workflow.scripts import list_matrix_values

_Image = tuple[YamlNode, str | None, str, YamlNode]


def list_images(workflow: Workflow) -> Iterator[_Image]:
    """Give each image: its node, its reference ('' for none, None where it is known at the start only), its subject, what holds it."""
    for job in workflow.jobs:
        services = job.get("services")
        holders = [
            job.get("container"),
            *(value for _, value in (services.pairs if services is not None else [])),
        ]
        for holder in holders:
            node = holder.get("image") if holder is not None and holder.kind == "map" else holder
            if node is not None and node.kind == "scalar":
                for image in dict.fromkeys(_list_references(workflow, job, node)):
                    yield node, image, f"job {job.id}", holder or node
    for step in workflow.steps:
        node = step.get("uses")
        if node is not None and node.text.startswith("docker://"):
            yield node, node.text.removeprefix("docker://"), step.subject, step.node


def _list_references(workflow: Workflow, job: WorkflowJob, node: YamlNode) -> Iterator[str | None]:
    text = node.text.strip()
    trees = workflow.list_expressions(node)
    if not trees:
        yield text if "${{" not in text else None
        return
    if len(trees) > 1 or not (text.startswith("${{") and text.endswith("}}")):
        yield text if "@sha256:" in text else None
        return
    for part in find_carried_values(trees[0]):
        if part.kind == "literal":
            yield part.value
        elif part.parts[0] == "matrix" and len(part.parts) == 2 and job.steps:
            values = [value.text for value in list_matrix_values(job.steps[0], part.parts[1])]
            yield from (None if "${{" in value else value for value in values)
        else:
            yield None
