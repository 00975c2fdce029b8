"""Base images should not be :latest."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest, get_image_tag
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3007",
    title="Base images should not be :latest",
    severity=Severity.MEDIUM,
    description="The tag latest moves: builds are not reproducible, and an image can change under you.",
    steps=("Name a version, better a digest.",),
    equivalents=("hadolint:DL3007",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each image of the tag latest."""
    for stage in file.stages:
        if get_image_tag(stage.image) == "latest" and not get_image_digest(stage.image):
            yield CodeMatch(stage.instruction.words[0].span, f"the image {stage.image} is of the tag latest")
