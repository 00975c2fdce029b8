"""Images of jobs should be pinned to a digest."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import find_unpinned_images
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="gitlab-image-digest",
    title="Images of jobs should be pinned to a digest",
    severity=Severity.LOW,
    description="What a tag names can be replaced in the registry; the job runs it with its secrets.",
    steps=("Add @sha256:... to the image.",),
    tags=("DS-2",),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each image that a tag names."""
    return find_unpinned_images(pipeline)
