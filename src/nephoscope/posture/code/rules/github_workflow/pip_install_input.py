"""Packages should be installed in a virtual environment."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-pip-install-input",
    title="Packages should be installed in a virtual environment",
    severity=Severity.LOW,
    description=(
        "pip-install of actions/setup-python installs into the environment of the runner, beside what is "
        "there, without hashes."
    ),
    steps=("Install in a step of its own, from a file with hashes.",),
    equivalents=("zizmor:misfeature",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each such input."""
    for step in workflow.steps:
        uses, given = step.uses, step.get("with")
        key = given.key("pip-install") if given is not None else None
        if uses is not None and uses.name == "actions/setup-python" and key is not None:
            yield CodeMatch(
                key.span,
                "packages are installed into the environment of the runner",
                subject=step.subject,
                scope=step.node.span,
            )
