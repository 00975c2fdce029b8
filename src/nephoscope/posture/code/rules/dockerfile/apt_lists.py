"""Package lists of apt should be deleted after the installation."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.packages import APT, find_uncleaned_caches
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3009",
    title="Package lists of apt should be deleted after the installation",
    severity=Severity.LOW,
    description="The lists make the image larger and are stale at once.",
    steps=("End the RUN with rm -rf /var/lib/apt/lists/*, or mount a cache there.",),
    equivalents=("hadolint:DL3009",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_uncleaned_caches(file, APT, "the lists of apt stay in the image: delete /var/lib/apt/lists/*")
