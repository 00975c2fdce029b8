"""Packages should be installed by pip with a version."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import find_unpinned_pip_packages, match_unpinned_packages
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3013",
    title="Packages should be installed by pip with a version",
    severity=Severity.MEDIUM,
    description=(
        "Without a version the newest package is installed: a package that was taken over runs in the "
        "next build."
    ),
    steps=(
        "Write package==version.",
        "Better: install from a file with hashes, by pip install --require-hashes -r requirements.txt.",
    ),
    equivalents=("hadolint:DL3013",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return match_unpinned_packages(file, find_unpinned_pip_packages, "package==version")
