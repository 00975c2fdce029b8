"""Jobs should not get all secrets."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-all-secrets",
    title="Jobs should not get all secrets",
    severity=Severity.HIGH,
    description=(
        "toJSON(secrets) and secrets[...] put every secret into the memory of the runner, where any step "
        "finds them."
    ),
    steps=("Name the secrets that are needed.",),
    equivalents=(
        "zizmor:overprovisioned-secrets",
        "poutine:job_all_secrets",
    ),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each expression that holds all secrets."""
    for node in workflow.list_scalars():
        for tree in workflow.list_expressions(node) if "secrets" in node.text else []:
            for context in tree.list_contexts():
                if context.parts[0] == "secrets" and (
                    len(context.parts) == 1 or context.parts[1] in ("", "*")
                ):
                    yield CodeMatch(context.span, "the expression holds all secrets")
