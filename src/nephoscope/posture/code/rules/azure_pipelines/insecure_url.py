"""Downloads should be encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import list_pipeline_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_transport import find_unencrypted_downloads
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-insecure-url",
    title="Downloads should be encrypted",
    severity=Severity.LOW,
    description="An attacker in between can change what is downloaded over HTTP.",
    steps=("Use https.",),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each download over http."""
    for step in pipeline.steps:
        yield from find_unencrypted_downloads(list_pipeline_commands(pipeline, step))
