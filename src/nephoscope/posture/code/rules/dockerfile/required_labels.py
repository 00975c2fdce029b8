"""Required labels should be set."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.labels import label_words
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3049",
    title="Required labels should be set",
    severity=Severity.LOW,
    description="Labels that your settings name say who owns an image and where it comes from.",
    steps=("Add the label to the last stage.",),
    equivalents=("hadolint:DL3049",),
)


def check_with(file: Dockerfile, options: CodeOptions) -> Iterator[CodeMatch]:
    """Give the stages that lack a label of the settings."""
    for stage in file.stages:
        if any(stage.index in file.list_lineage(later.index)[1:] for later in file.stages):
            continue
        lineage = file.list_lineage(stage.index)
        given = {key for one in lineage for key, _, _ in label_words(file, one)}
        for name in sorted(set(options.label_formats) - given):
            yield CodeMatch(stage.instruction.span, f"the label {name} is missing")
