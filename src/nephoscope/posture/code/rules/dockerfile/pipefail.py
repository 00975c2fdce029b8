"""RUN with a pipe should fail where a part fails."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.instruction import Instruction
from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL4006",
    title="RUN with a pipe should fail where a part fails",
    severity=Severity.LOW,
    description=(
        "Without pipefail only the last command of a pipe counts: a download that fails is not seen."
    ),
    steps=('Set SHELL ["/bin/bash", "-o", "pipefail", "-c"] before.',),
    equivalents=("hadolint:DL4006",),
)

_SHELLS = frozenset({"bash", "zsh", "ash", "ksh"})


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each RUN with a pipe whose shell does not have pipefail."""
    for instruction in file.list_instructions("RUN"):
        if instruction.exec_form is not None or not instruction.is_posix or _is_set_by_shell(instruction):
            continue
        commands = instruction.commands
        pipe = next((command for command in commands if command.stage), None)
        if pipe and not any(
            command.program == "set" and "pipefail" in command.arguments for command in commands
        ):
            yield CodeMatch(pipe.span, "a failure before the pipe is not seen: set pipefail")


def _is_set_by_shell(instruction: Instruction) -> bool:
    name = instruction.shell[0].rsplit("/", 1)[-1]
    options = " ".join(instruction.shell[1:])
    return name in _SHELLS and "pipefail" in options
