"""sudo should not be used in a build."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.collect.templates.shell.nested_commands import expand_nested_commands
from nephoscope.collect.templates.shell.parser import parse_script
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3004",
    title="sudo should not be used in a build",
    severity=Severity.MEDIUM,
    description=(
        "sudo leaves a program in the image that gives root, and behaves differently without a terminal."
    ),
    steps=(
        "Run as the user that is needed by USER.",
        "Remove sudo; use gosu where a process must change its user at start.",
    ),
    equivalents=("hadolint:DL3004",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each use of sudo."""
    for instruction in file.list_instructions("RUN"):
        if instruction.is_posix:
            script, offset = instruction.script
            for command in expand_nested_commands(parse_script(script, offset)):
                if command.program == "sudo":
                    yield CodeMatch(command.words[0].span, "sudo is used")
