"""Conditions should not trust the name of a bot."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.expression import WorkflowExpression
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.checkouts import PRIVILEGED
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-bot-condition",
    title="Conditions should not trust the name of a bot",
    severity=Severity.HIGH,
    description=(
        "github.actor is the user who caused the last event: an attacker can have Dependabot push to the "
        "attacker's pull request and pass the check."
    ),
    steps=(
        (
            "Compare github.event.pull_request.user.login, and use pull_request instead of "
            "pull_request_target."
        ),
    ),
    equivalents=(
        "zizmor:bot-conditions",
        "poutine:confused_deputy_auto_merge",
    ),
)

_ACTORS = frozenset({
    "github.actor", "github.actor_id", "github.triggering_actor", "github.event.sender.login", "github.event.sender.id",
    "github.event.pull_request.sender.login", "github.event.pull_request.sender.id",
})  # fmt: skip
_BOTS = frozenset({"49699333", "27856297", "29139614", "41898282", "66853113"})


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each condition that compares the actor with a bot where strangers cause the event."""
    if not workflow.is_triggered_by(*PRIVILEGED):
        return
    nodes = [(job.get("if"), f"job {job.id}") for job in workflow.jobs]
    nodes += [(step.get("if"), step.subject) for step in workflow.steps]
    for node, subject in nodes:
        for tree in workflow.parse_condition(node) if node is not None else []:
            if any(_is_actor_comparison(one) for one in tree.walk()):
                yield CodeMatch(
                    node.span if node is not None else tree.span,
                    "the condition trusts the name of a bot",
                    subject=subject,
                )


def _is_actor_comparison(tree: WorkflowExpression) -> bool:
    if tree.kind != "binary" or tree.value != "==":
        return False
    actor = any(one.path in _ACTORS for one in tree.args if one.kind == "context")
    return actor and any(
        one.value.endswith("[bot]") or one.value in _BOTS for one in tree.args if one.kind == "literal"
    )
