"""Downloaded scripts should not be run unchecked."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_downloads import find_powershell_downloads, find_run_downloads
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="docker-downloaded-script",
    title="Downloaded scripts should not be run unchecked",
    severity=Severity.HIGH,
    description=(
        "A script that is piped from the network into a shell runs whatever its server, or an attacker in"
        " between, sends."
    ),
    steps=(
        "Download to a file.",
        "Compare its checksum with one that you keep in the repository, then run it.",
    ),
    equivalents=("scorecard:PinnedDependencies",),
    tags=("DS-2",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that runs what was downloaded."""
    for stage in range(-1, len(file.stages)):
        commands = [
            command
            for instruction in file.list_stage_instructions(stage, "RUN")
            for command in instruction.commands
        ]
        yield from find_run_downloads(commands)
    for instruction in file.list_instructions("RUN"):
        yield from find_powershell_downloads(instruction.text, instruction.offset)
