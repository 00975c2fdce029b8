"""wget should not print its progress."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import run_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3047",
    title="wget should not print its progress",
    severity=Severity.LOW,
    description="The progress bar fills the log of the build.",
    steps=("Add --progress=dot:giga or -nv.",),
    equivalents=("hadolint:DL3047",),
)

_QUIET = ("progress", "q", "quiet", "nv", "no-verbose", "o", "output-file", "a", "append-output")


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each wget that prints its progress."""
    for _, command in run_commands(file):
        if command.program == "wget" and not command.has_flag(*_QUIET):
            yield CodeMatch(command.span, "wget prints its progress: add --progress=dot:giga")
