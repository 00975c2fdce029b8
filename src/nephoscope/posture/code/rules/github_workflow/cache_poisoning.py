"""Releases should be built without the shared cache."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.actions import fills_cache, publishes
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-cache-poisoning",
    title="Releases should be built without the shared cache",
    severity=Severity.HIGH,
    description=(
        "Caches are shared by all workflows of a branch: who can run code in one of them puts into the "
        "cache what the release is built of."
    ),
    steps=("Switch the cache off in workflows that publish.",),
    equivalents=("zizmor:cache-poisoning",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each step that uses the cache in a workflow or job that publishes."""
    released = _is_release(workflow)
    for job in workflow.jobs:
        if not released and not any(publishes(step) for step in job.steps):
            continue
        for step in job.steps:
            node = step.get("uses")
            if node is not None and fills_cache(workflow, step):
                yield CodeMatch(
                    node.span,
                    "what is published is built of the shared cache",
                    subject=step.subject,
                    scope=step.node.span,
                )


def _is_release(workflow: Workflow) -> bool:
    if workflow.is_triggered_by("release"):
        return True
    push = workflow.triggers.get("push")
    if push is None or push.kind != "map":
        return False
    branches = push.get("branches")
    by_tag = push.get("tags") is not None or push.get("tags-ignore") is not None
    return by_tag or any("release" in text.lower() for text in (branches.texts() if branches else []))
