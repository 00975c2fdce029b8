"""USER should be a number."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3066",
    title="USER should be a number",
    severity=Severity.INFORMATIONAL,
    description=(
        "Kubernetes cannot tell whether a user that is named is root, and refuses the container where it "
        "must not be."
    ),
    steps=("Write the number of the user: USER 1000.",),
    equivalents=("hadolint:DL3066",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each USER that is a name."""
    for instruction in file.list_instructions("USER"):
        for word in instruction.words[:1]:
            if not word.text.split(":")[0].isdigit():
                yield CodeMatch(word.span, f"the user {word.text} is no number")
