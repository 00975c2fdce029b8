"""WORKDIR should be used to change the folder."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import find_program_runs
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3003",
    title="WORKDIR should be used to change the folder",
    severity=Severity.LOW,
    description="cd holds for one RUN only, and hides where later commands run.",
    steps=("Replace cd by a WORKDIR instruction.",),
    equivalents=("hadolint:DL3003",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_program_runs(file, frozenset({"cd"}), "the folder is changed by {}: use WORKDIR")
