"""Actions should pin what they use."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unpinnable-action",
    title="Actions should pin what they use",
    severity=Severity.MEDIUM,
    description=(
        "An action whose own image or actions are named by tags runs other code tomorrow, even where its "
        "caller pins it to a commit."
    ),
    steps=("Pin the image to a digest, and the actions to commits.",),
    equivalents=("poutine:unpinnable_action",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give what an action uses without pinning it."""
    if not workflow.is_action:
        return
    image = workflow.get("runs", "image")
    if image is not None and image.text.startswith("docker://") and not get_image_digest(image.text):
        yield CodeMatch(image.span, f"{image.text} is not pinned to a digest")
    for step in workflow.steps:
        node, uses = step.get("uses"), step.uses
        if node is not None and uses is not None and not uses.is_commit:
            yield CodeMatch(node.span, f"{uses.name} is not pinned to a commit", subject=step.subject)
