"""zypper should not ask."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.packages import ZYPPER_CHANGES, find_unconfirmed_installs
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3034",
    title="zypper should not ask",
    severity=Severity.LOW,
    description="A build has no terminal: zypper waits for an answer and fails.",
    steps=("Add -n.",),
    equivalents=("hadolint:DL3034",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_unconfirmed_installs(file, ZYPPER_CHANGES, ("n", "non-interactive", "no-confirm", "y"), "-n")
