"""Checkouts should not keep the token on disk."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-persisted-credentials",
    title="Checkouts should not keep the token on disk",
    severity=Severity.MEDIUM,
    description=(
        "persistCredentials writes the token of the pipeline into .git/config, where every later step "
        "finds it."
    ),
    steps=("Remove persistCredentials.",),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each checkout that keeps its token."""
    for step in pipeline.steps:
        key, node = step.node.key("persistCredentials"), step.node.get("persistCredentials")
        if key is not None and node is not None and node.is_true:
            yield CodeMatch(
                TextSpan(key.span.start, node.span.end),
                "the token stays in .git/config",
                ((node.span, "false"),),
                step.subject,
            )
