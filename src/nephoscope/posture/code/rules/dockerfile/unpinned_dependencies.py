"""Dependencies should be installed by hash or lock file."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import find_unlocked_installs
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="docker-unpinned-dependencies",
    title="Dependencies should be installed by hash or lock file",
    severity=Severity.LOW,
    description="A version of a package can be replaced where the index allows it; a hash cannot.",
    steps=(
        "pip: install with --require-hashes.",
        "npm: use npm ci.",
        "Go: name a commit or version by module@version.",
    ),
    equivalents=("scorecard:PinnedDependencies",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each installation that checks no hash."""
    for instruction in file.list_instructions("RUN"):
        yield from find_unlocked_installs(instruction.commands)
