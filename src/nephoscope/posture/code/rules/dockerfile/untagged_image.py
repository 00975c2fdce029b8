"""Base images should have a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest, get_image_tag, is_image
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3006",
    title="Base images should have a version",
    severity=Severity.MEDIUM,
    description="An image without a tag is whatever was pushed last: the build of tomorrow is another one.",
    steps=("Add a tag, better a digest: FROM image:1.2@sha256:...",),
    equivalents=("hadolint:DL3006",),
    tags=("DS-6",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each image without a tag and a digest."""
    for stage in file.stages:
        image = stage.image
        if is_image(file, stage) and not get_image_tag(image) and not get_image_digest(image):
            yield CodeMatch(stage.instruction.words[0].span, f"the image {image} has no tag")
