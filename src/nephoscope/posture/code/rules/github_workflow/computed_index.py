"""Contexts should be named plainly."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-computed-index",
    title="Contexts should be named plainly",
    severity=Severity.INFORMATIONAL,
    description="An index that is computed hides which value is read.",
    steps=("Name the value.",),
    equivalents=("zizmor:obfuscation",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each context with a computed index."""
    for node in workflow.list_scalars():
        for tree in workflow.list_expressions(node):
            for context in tree.list_contexts():
                if context.args:
                    yield CodeMatch(context.span, "the index is computed")
