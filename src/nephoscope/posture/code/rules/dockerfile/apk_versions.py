"""Packages should be installed by apk with a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.packages import APK, find_unpinned_packages
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3018",
    title="Packages should be installed by apk with a version",
    severity=Severity.LOW,
    description="Without a version the newest package is installed, so that two builds differ.",
    steps=("Write package=version.",),
    equivalents=("hadolint:DL3018",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_unpinned_packages(file, APK, "package=version")
