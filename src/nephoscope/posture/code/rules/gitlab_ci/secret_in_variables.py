"""Secrets should not be written into pipelines."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import is_secret_name, list_variables
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="gitlab-secret-in-variables",
    title="Secrets should not be written into pipelines",
    severity=Severity.CRITICAL,
    description="Everyone who can read the repository, and every fork of it, has the secret.",
    steps=(
        "Store the secret in the settings of the pipeline or in a key vault.",
        "Replace the secret: it is in the history.",
    ),
    tags=("IM-8",),
    conceals=True,
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each variable with the name of a secret and a value that is written out."""
    for name, node in list_variables(pipeline):
        if is_secret_name(name.text) and node.kind == "scalar" and node.text and "$" not in node.text:
            yield CodeMatch(node.span, f"{name.text} looks like a secret that is written out")
