"""Dependencies should be installed by hash or lock file."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.shell_script import ShellScript
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import find_unlocked_installs
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="shell-unpinned-dependencies",
    title="Dependencies should be installed by hash or lock file",
    severity=Severity.LOW,
    description="A version of a package can be replaced where the index allows it; a hash cannot.",
    steps=("Install with hashes or from a lock file.",),
    equivalents=("scorecard:PinnedDependencies",),
)


def check(script: ShellScript) -> Iterator[CodeMatch]:
    """Give each installation that checks no hash."""
    return find_unlocked_installs(script.commands)
