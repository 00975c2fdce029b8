"""Only known labels should be set."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.labels import label_words
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3050",
    title="Only known labels should be set",
    severity=Severity.LOW,
    description=(
        "Where your settings are strict, a label that they do not name is an error of spelling or a secret."
    ),
    steps=("Remove the label, or name it in the settings.",),
    equivalents=("hadolint:DL3050",),
)


def check_with(file: Dockerfile, options: CodeOptions) -> Iterator[CodeMatch]:
    """Give the labels that strict settings do not name."""
    for key, _, word in label_words(file) if options.strict_labels else ():
        if key not in options.label_formats:
            yield CodeMatch(word.span, f"the label {key} is not in the settings")
