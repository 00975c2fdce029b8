"""Certificates of servers should be verified."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.shell_script import ShellScript
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_transport import find_unverified_downloads
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="shell-unverified-certificate",
    title="Certificates of servers should be verified",
    severity=Severity.MEDIUM,
    description=(
        "An attacker in between can impersonate a server whose certificate is not verified, change "
        "downloads and read secrets."
    ),
    steps=(
        "Remove the option that switches the check off.",
        "Install the certificate of a private authority where the server has one.",
    ),
)


def check(script: ShellScript) -> Iterator[CodeMatch]:
    """Give each command that does not check the certificate of its server."""
    return find_unverified_downloads(script.commands)
