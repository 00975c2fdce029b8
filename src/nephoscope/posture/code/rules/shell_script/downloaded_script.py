"""Downloaded scripts should not be run unchecked."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.shell_script import ShellScript
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_downloads import find_run_downloads
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="shell-downloaded-script",
    title="Downloaded scripts should not be run unchecked",
    severity=Severity.HIGH,
    description=(
        "A script that is piped from the network into a shell runs whatever its server, or an attacker in"
        " between, sends."
    ),
    steps=(
        "Download to a file.",
        "Compare its checksum with one that you keep, then run it.",
    ),
    equivalents=("scorecard:PinnedDependencies",),
)


def check(script: ShellScript) -> Iterator[CodeMatch]:
    """Give each command that runs what was downloaded."""
    return find_run_downloads(script.commands)
