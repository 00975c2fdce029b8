"""Dependencies should be installed by hash or lock file."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import find_unlocked_installs
from nephoscope.posture.code.workflow.scripts import list_shell_commands
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unpinned-dependencies",
    title="Dependencies should be installed by hash or lock file",
    severity=Severity.LOW,
    description="A version of a package can be replaced where the index allows it; a hash cannot.",
    steps=(
        "pip: install with --require-hashes.",
        "npm: use npm ci.",
    ),
    equivalents=("scorecard:PinnedDependencies",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each installation that checks no hash."""
    for step in workflow.steps:
        for match in find_unlocked_installs(list_shell_commands(workflow, step)):
            yield replace(match, subject=step.subject, scope=step.node.span)
