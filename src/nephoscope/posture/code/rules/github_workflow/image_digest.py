"""Images of jobs should be pinned to a digest."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest, get_image_tag
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.images import list_images
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-image-digest",
    title="Images of jobs should be pinned to a digest",
    severity=Severity.LOW,
    description="What a tag names can be replaced in the registry; the job runs it with its secrets.",
    steps=("Add @sha256:... to the image.",),
    equivalents=("zizmor:unpinned-images",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each image of a container, a service or a step that a tag or an input names."""
    for node, image, subject, whole in list_images(workflow):
        if image is None or (
            image and not get_image_digest(image) and get_image_tag(image) not in ("", "latest")
        ):
            said = (
                f"the image {image} is named by a tag, which can be moved"
                if image
                else "the image is chosen at the start"
            )
            yield CodeMatch(node.span, said, subject=subject, scope=whole.span)
