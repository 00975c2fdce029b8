"""Workflows should cancel outdated runs."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowJob
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-concurrency",
    title="Workflows should cancel outdated runs",
    severity=Severity.INFORMATIONAL,
    description="Runs of an outdated commit use up runners, and may publish over newer ones.",
    steps=("Add concurrency: with group and cancel-in-progress.",),
    equivalents=("zizmor:concurrency-limits",),
    optional=True,
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give the workflow that limits neither itself nor its jobs."""
    if (
        workflow.is_action
        or set(workflow.triggers) == {"workflow_call"}
        or _is_set(workflow.get("concurrency"))
    ):
        return
    if workflow.get("concurrency") is not None or not all(
        _is_concurrency_limited(job) for job in workflow.jobs
    ):
        key = workflow.root.key("on") or workflow.root.key("true")
        yield CodeMatch(key.span if key is not None else workflow.start, "outdated runs are not cancelled")


def _is_concurrency_limited(job: WorkflowJob) -> bool:
    """Tell whether a job limits itself; one that calls a workflow leaves it to that."""
    return job.get("uses") is not None or _is_set(job.get("concurrency"))


def _is_set(node: YamlNode | None) -> bool:
    return node is not None and node.get("cancel-in-progress") is not None
