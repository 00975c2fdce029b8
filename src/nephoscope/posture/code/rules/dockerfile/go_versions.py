"""Modules should be installed by go with a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import find_unpinned_go_modules, match_unpinned_packages
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3062",
    title="Modules should be installed by go with a version",
    severity=Severity.MEDIUM,
    description=(
        "Without a version the newest module is installed: a module that was taken over runs in the next "
        "build."
    ),
    steps=("Write module@version.",),
    equivalents=("hadolint:DL3062",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return match_unpinned_packages(file, find_unpinned_go_modules, "module@version")
