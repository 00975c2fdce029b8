"""Tokens of apps should have the least rights."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-app-token",
    title="Tokens of apps should have the least rights",
    severity=Severity.MEDIUM,
    description=(
        "A token of an app without named rights has all that the app has, in all repositories of the owner."
    ),
    steps=(
        "Name permission-...: inputs.",
        "Keep skip-token-revoke off.",
    ),
    equivalents=("zizmor:github-app",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each token of an app with all rights, of all repositories, or that is not revoked."""
    for step in workflow.steps:
        uses, node = step.uses, step.get("uses")
        if uses is None or node is None or uses.name != "actions/create-github-app-token":
            continue
        given = step.get("with")
        pairs = given.pairs if given is not None else []
        if not any(key.text.lower().startswith("permission-") for key, _ in pairs):
            yield CodeMatch(
                node.span, "the token has all rights of the app", subject=step.subject, scope=step.node.span
            )
        for key, value in pairs:
            if key.text.lower() == "skip-token-revoke" and value.is_true:
                yield CodeMatch(
                    TextSpan(key.span.start, value.span.end),
                    "the token is not revoked at the end of the job",
                    subject=step.subject,
                    scope=step.node.span,
                )
        if step.get_input("owner") is not None and step.get_input("repositories") is None:
            yield CodeMatch(
                node.span,
                "the token is for all repositories of the owner",
                subject=step.subject,
                scope=step.node.span,
            )
