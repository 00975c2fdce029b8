"""Packages should be installed by gem with a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import find_unpinned_gems, match_unpinned_packages
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3028",
    title="Packages should be installed by gem with a version",
    severity=Severity.MEDIUM,
    description=(
        "Without a version the newest gem is installed: a gem that was taken over runs in the next build."
    ),
    steps=("Write gem:version or add --version.",),
    equivalents=("hadolint:DL3028",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return match_unpinned_packages(file, find_unpinned_gems, "gem:version")
