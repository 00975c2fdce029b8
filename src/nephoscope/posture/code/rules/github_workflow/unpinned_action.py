"""Actions should be pinned to a commit."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow, parse_uses
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unpinned-action",
    title="Actions should be pinned to a commit",
    severity=Severity.HIGH,
    description=(
        "Anyone who takes over the action's repository can move a tag or branch to other code; a commit "
        "hash cannot be moved."
    ),
    steps=(
        "Replace the tag by the hash of its commit, and keep the tag as a comment.",
        "Let Dependabot or Renovate update it.",
    ),
    equivalents=(
        "zizmor:unpinned-uses",
        "scorecard:PinnedActions",
    ),
    tags=("DS-2",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each action and reusable workflow that is named by a tag or branch."""
    nodes = [(step.get("uses"), step.subject, step.node) for step in workflow.steps]
    nodes += [(job.get("uses"), f"job {job.id}", job.node) for job in workflow.jobs]
    for node, subject, whole in nodes:
        uses = parse_uses(node.text) if node is not None else None
        if node is not None and uses is not None and not uses.is_commit:
            said = f"@{uses.ref} can be moved" if uses.ref else "no version is named"
            yield CodeMatch(
                _get_step_span(workflow, node), f"{uses.name}: {said}", subject=subject, scope=whole.span
            )


def _get_step_span(workflow: Workflow, node: YamlNode) -> TextSpan:
    start = workflow.source.text.find(node.text.strip(), node.span.start)
    return (
        TextSpan(start, start + len(node.text.strip()))
        if node.style in ("|", ">") and start >= 0
        else node.span
    )
