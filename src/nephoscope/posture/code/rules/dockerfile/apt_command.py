"""apt should not be used in scripts."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import find_program_runs
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3027",
    title="apt should not be used in scripts",
    severity=Severity.LOW,
    description="apt is for people: its output and options change between versions.",
    steps=("Use apt-get or apt-cache.",),
    equivalents=("hadolint:DL3027",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_program_runs(file, frozenset({"apt"}), "{} is for a terminal: use apt-get or apt-cache")
