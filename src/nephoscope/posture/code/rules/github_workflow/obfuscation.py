"""Workflows should say plainly what they do."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.expression import WorkflowExpression
from nephoscope.collect.templates.workflow.workflow_model import Workflow, parse_uses
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-obfuscation",
    title="Workflows should say plainly what they do",
    severity=Severity.LOW,
    description=(
        "A path with .. or an expression whose result is fixed hides what runs from reviewers and from tools."
    ),
    steps=("Write the plain path or value.",),
    equivalents=("zizmor:obfuscation",),
)

_CONSTANT = frozenset({"format", "startswith", "endswith", "contains", "join", "tojson", "fromjson"})


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each crooked path of an action, and each expression that could be computed now."""
    for step in workflow.steps:
        node = step.get("uses")
        if node is not None and node.kind == "scalar" and _is_obfuscated_text(node.text):
            yield CodeMatch(
                node.span, f"the path of {node.text} is not plain", subject=step.subject, scope=step.node.span
            )
    for node in workflow.list_scalars():
        for tree in workflow.list_expressions(node):
            found = next((one for one in _walk_values(tree) if _is_constant(one)), None)
            if found is not None:
                yield CodeMatch(
                    TextSpan(tree.span.start, tree.span.end),
                    "the expression, or a part of it, always has the same result",
                )


def _walk_values(tree: WorkflowExpression) -> Iterator[WorkflowExpression]:
    """Give the nodes of an expression but those of indexes."""
    yield tree
    for argument in tree.args if tree.kind != "context" else []:
        yield from _walk_values(argument)


def _is_obfuscated_text(text: str) -> bool:
    uses = parse_uses(text)
    if uses is None:
        return False
    name = text.strip().partition("@")[0]
    parts = name.split("/")
    return name.endswith("/") or any(part in ("", ".", "..") for part in parts[2:])


def _is_constant(tree: WorkflowExpression) -> bool:
    if tree.kind == "literal":
        return False
    if tree.kind == "call":
        return (
            tree.value in _CONSTANT
            and bool(tree.args)
            and all(_is_expression_fixed(one) for one in tree.args)
            and not _is_list(tree)
        )
    return tree.kind in ("binary", "not") and all(_is_expression_fixed(one) for one in tree.args)


def _is_list(tree: WorkflowExpression) -> bool:
    """Literals of lists and objects can be written by fromJSON only."""
    return tree.value == "fromjson"


def _is_expression_fixed(tree: WorkflowExpression) -> bool:
    listed = tree.kind == "call" and _is_list(tree) and all(one.kind == "literal" for one in tree.args)
    return tree.kind == "literal" or listed or _is_constant(tree)
