"""Images of jobs should have a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest, get_image_tag
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.images import list_images
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unpinned-image",
    title="Images of jobs should have a version",
    severity=Severity.MEDIUM,
    description="What a tag names can be replaced in the registry; the job runs it with its secrets.",
    steps=("Add @sha256:... to the image.",),
    equivalents=("zizmor:unpinned-images",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each image of a container, a service or a step that is not pinned so."""
    for node, image, subject, whole in list_images(workflow):
        if image and not get_image_digest(image) and get_image_tag(image) in ("", "latest"):
            yield CodeMatch(
                node.span, f"the image {image} is whatever was pushed last", subject=subject, scope=whole.span
            )
