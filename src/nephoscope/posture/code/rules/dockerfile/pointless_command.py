"""Commands of a running machine should not be used in a build."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import find_program_runs
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3001",
    title="Commands of a running machine should not be used in a build",
    severity=Severity.LOW,
    description=(
        "A container has no init system, no login and no hardware of its own: ssh, mount, service and "
        "the like do nothing in a build."
    ),
    steps=("Remove the command.",),
    equivalents=("hadolint:DL3001",),
)

_PROGRAMS = frozenset({"ssh", "vim", "shutdown", "service", "ps", "free", "top", "kill", "mount", "ifconfig"})


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_program_runs(file, _PROGRAMS, "{} has no use in the build of an image")
