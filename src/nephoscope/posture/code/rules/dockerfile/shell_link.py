"""The shell should be changed by SHELL."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import run_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL4005",
    title="The shell should be changed by SHELL",
    severity=Severity.LOW,
    description="A link in the place of /bin/sh changes the shell of every program of the image.",
    steps=('Use SHELL ["/bin/bash", "-c"].',),
    equivalents=("hadolint:DL4005",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each link that replaces /bin/sh."""
    for _, command in run_commands(file):
        if command.program == "ln" and "/bin/sh" in command.operands:
            yield CodeMatch(command.span, "/bin/sh is replaced by a link: use SHELL")
