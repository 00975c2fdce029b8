"""Builds of pull requests should not have secrets."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import builds_pull_requests, list_pipeline_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.workflow.checkouts import BUILDERS
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-untrusted-execution",
    title="Builds of pull requests should not have secrets",
    severity=Severity.MEDIUM,
    description=(
        "A pull request build runs files of its author with the service connections and secrets of the "
        "pipeline."
    ),
    steps=(
        "Do not make secrets available to builds of forks.",
        "Require a comment of a member before a build of a fork.",
        "Protect service connections and environments by checks.",
    ),
    equivalents=("poutine:untrusted_checkout_exec",),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each step that runs files of a checkout that a pull request may bring."""
    if not builds_pull_requests(pipeline):
        return
    checked_out: set[str] = set()
    for step in pipeline.steps:
        checkout = step.node.get("checkout")
        if checkout is not None and checkout.text == "self":
            checked_out.add(step.job)
        if step.job in checked_out:
            found = next(
                (
                    one
                    for one in list_pipeline_commands(pipeline, step)
                    if one.program in BUILDERS or one.name.startswith("./")
                ),
                None,
            )
            if found is not None:
                yield CodeMatch(
                    step.node.span, f"{found.program} runs files of a pull request", subject=step.subject
                )
