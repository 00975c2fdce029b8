"""Lists of names should be lists."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.expression import WorkflowExpression
from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-unsound-contains",
    title="Lists of names should be lists",
    severity=Severity.MEDIUM,
    description=(
        "contains() on a text finds parts of names: a branch named main-x or x passes a check of texts "
        'like "main develop".'
    ),
    steps=('Use contains(fromJSON(\'["main", "develop"]\'), github.ref_name).',),
    equivalents=("zizmor:unsound-contains",),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each contains() that looks for a context in a text."""
    nodes = [job.get("if") for job in workflow.jobs] + [step.get("if") for step in workflow.steps]
    for node in nodes:
        for tree in workflow.parse_condition(node) if node is not None else []:
            for call in tree.walk():
                if (
                    call.kind == "call"
                    and call.value == "contains"
                    and len(call.args) == 2
                    and _is_literal_in_context(call)
                ):
                    yield CodeMatch(call.span, "contains() finds parts of the text too")


def _is_literal_in_context(call: WorkflowExpression) -> bool:
    text, part = call.args
    return (
        text.kind == "literal"
        and text.is_string
        and part.kind == "context"
        and (part.parts[0] in ("env", "inputs") or part.path.startswith("github."))
    )
