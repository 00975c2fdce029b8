"""Inputs should not be pasted into scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import pipeline_commands, references
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="gitlab-script-injection",
    title="Inputs should not be pasted into scripts",
    severity=Severity.HIGH,
    description=(
        "GitLab replaces $[[ inputs.name ]] in the script before the shell reads it: an input becomes code. "
        "So does a title or a message that is passed to eval."
    ),
    steps=("Assign the input to a variable and use that in quotes.",),
    equivalents=("poutine:injection",),
)

_EVALUATED = frozenset({"eval"})
_UNTRUSTED = re.compile(
    r"\$\{?(CI_(?:COMMIT_(?:AUTHOR|BRANCH|DESCRIPTION|MESSAGE|REF_NAME|TAG|TAG_MESSAGE|TITLE)"
    r"|MERGE_REQUEST_(?:DESCRIPTION|SOURCE_BRANCH_NAME|TITLE)))\b"
)
_INPUT = re.compile(r"\$\[\[\s*inputs\.([\w-]+)[^\]]*\]\]")


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each input that is pasted into a script, and each `eval` of what anybody writes."""
    for step in pipeline.steps:
        for command in pipeline_commands(pipeline, step):
            if command.program in _EVALUATED:
                found = _UNTRUSTED.search(pipeline.source.cut(command.span))
                if found is not None:
                    message = f"{found[1]} is written by anybody and is evaluated as a script"
                    yield CodeMatch(command.span, message, subject=step.subject)
        for node in step.scripts:
            for name, span in references(pipeline, node, _INPUT):
                yield CodeMatch(span, f"the input {name} becomes part of the script", subject=step.subject)
