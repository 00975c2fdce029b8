"""Base images should be pinned to a digest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_digest, is_image
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="docker-image-digest",
    title="Base images should be pinned to a digest",
    severity=Severity.LOW,
    description="A tag can be moved to another image; a digest cannot.",
    steps=("Add @sha256:... to the image, and let a bot update it.",),
    equivalents=("scorecard:PinnedImages",),
    tags=("DS-2",),
)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}|\$.*")


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each image without a digest."""
    for stage in file.stages:
        if is_image(file, stage, variables=True) and not _DIGEST.fullmatch(get_image_digest(stage.image)):
            yield CodeMatch(
                stage.instruction.words[0].span, f"the image {stage.image} is not pinned to a digest"
            )
