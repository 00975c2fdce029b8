"""useradd with a high id should not write the login log."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import run_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3046",
    title="useradd with a high id should not write the login log",
    severity=Severity.LOW,
    description="The log of last logins grows to gigabytes with the number of the user.",
    steps=("Add -l.",),
    equivalents=("hadolint:DL3046",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each useradd with a high number and without -l."""
    for _, command in run_commands(file):
        is_high = any(len(value) > 5 for value in command.list_flag_values("u", "uid"))
        if command.program == "useradd" and is_high and not command.has_flag("l", "no-log-init"):
            yield CodeMatch(command.span, "useradd writes a sparse log of gigabytes: add -l")
