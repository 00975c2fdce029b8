"""The cache of zypper should be emptied after the installation."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.packages import ZYPPER, find_uncleaned_caches
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3036",
    title="The cache of zypper should be emptied after the installation",
    severity=Severity.LOW,
    description="What was downloaded stays in a layer of the image.",
    steps=("End the RUN with zypper clean, or mount a cache.",),
    equivalents=("hadolint:DL3036",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_uncleaned_caches(file, ZYPPER, "the cache of zypper stays in the image: add zypper clean")
