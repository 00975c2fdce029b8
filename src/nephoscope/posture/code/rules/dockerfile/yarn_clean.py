"""The cache of yarn should be emptied after the installation."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.packages import YARN, find_uncleaned_caches
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3060",
    title="The cache of yarn should be emptied after the installation",
    severity=Severity.LOW,
    description="What was downloaded stays in a layer of the image.",
    steps=("End the RUN with yarn cache clean, or mount a cache.",),
    equivalents=("hadolint:DL3060",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_uncleaned_caches(file, YARN, "the cache of yarn stays in the image: add yarn cache clean")
