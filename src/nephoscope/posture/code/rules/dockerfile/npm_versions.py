"""Packages should be installed by npm with a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import find_unpinned_npm_packages, match_unpinned_packages
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3016",
    title="Packages should be installed by npm with a version",
    severity=Severity.MEDIUM,
    description=(
        "Without a version the newest package is installed: a package that was taken over runs in the "
        "next build."
    ),
    steps=("Write package@version, or use npm ci with a lock file.",),
    equivalents=("hadolint:DL3016",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return match_unpinned_packages(file, find_unpinned_npm_packages, "package@version")
