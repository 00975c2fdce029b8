"""Downloads should be encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.shell_script import ShellScript
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_transport import find_unencrypted_downloads
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="shell-insecure-url",
    title="Downloads should be encrypted",
    severity=Severity.LOW,
    description="An attacker in between can change what is downloaded over HTTP.",
    steps=("Use https.",),
)


def check(script: ShellScript) -> Iterator[CodeMatch]:
    """Give each download over http."""
    return find_unencrypted_downloads(script.commands)
