"""apt-get install should not ask."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import run_commands
from nephoscope.posture.code.docker.packages import APT_GET
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3014",
    title="apt-get install should not ask",
    severity=Severity.LOW,
    description="A build has no terminal: apt-get waits for an answer and fails.",
    steps=("Add -y.",),
    equivalents=("hadolint:DL3014",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each installation that would ask."""
    for _, command in run_commands(file):
        if (
            APT_GET.installs(command)
            and not command.has_flag("y", "yes", "assume-yes", "qq")
            and not _is_silent(command)
        ):
            end = command.words[0].span.end
            yield CodeMatch(
                command.span, "apt-get install waits for an answer: add -y", ((TextSpan(end, end), " -y"),)
            )


def _is_silent(command: ShellCommand) -> bool:
    quiet = sum(text in ("-q", "--quiet") for text in command.arguments)
    return quiet > 1 or any(text in ("-q=2", "--quiet=2") for text in command.arguments)
