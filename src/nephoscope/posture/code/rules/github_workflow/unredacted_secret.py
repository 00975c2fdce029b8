"""Parts of a secret should be secrets of their own."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.expression import WorkflowExpression
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unredacted-secret",
    title="Parts of a secret should be secrets of their own",
    severity=Severity.MEDIUM,
    description="GitHub masks the whole secret in logs: a part of it that fromJSON takes out is printed.",
    steps=("Store each part as a secret.",),
    equivalents=("zizmor:unredacted-secrets",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each expression that takes a secret apart."""
    for node in workflow.list_scalars():
        for tree in workflow.list_expressions(node) if "secrets" in node.text else []:
            for call in tree.walk():
                if call.kind == "call" and call.value == "fromjson" and _reads_secret(call):
                    yield CodeMatch(call.span, "a part of the secret is not masked in logs")


def _reads_secret(call: WorkflowExpression) -> bool:
    return any(context.parts[0] == "secrets" for context in call.list_contexts())
