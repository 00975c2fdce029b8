"""Labels of the format semver should be valid."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.labels import find_invalid_labels
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3056",
    title="Labels of the format semver should be valid",
    severity=Severity.LOW,
    description=(
        "A label that your settings name has a format; a value of another one cannot be read by what uses it."
    ),
    steps=("Correct the value.",),
    equivalents=("hadolint:DL3056",),
)


def check_with(file: Dockerfile, options: CodeOptions) -> Iterator[CodeMatch]:
    """Give each label of the format whose value is not of it."""
    return find_invalid_labels(file, options, "semver", "no semantic version")
