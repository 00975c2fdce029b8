"""dnf should not ask."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.packages import DNF_INSTALLS, find_unconfirmed_installs
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3038",
    title="dnf should not ask",
    severity=Severity.LOW,
    description="A build has no terminal: dnf waits for an answer and fails.",
    steps=("Add -y.",),
    equivalents=("hadolint:DL3038",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each command that breaks the rule."""
    return find_unconfirmed_installs(file, DNF_INSTALLS, ("y", "yes", "assumeyes"), "-y")
