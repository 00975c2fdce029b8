"""Inputs should not be pasted into scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import find_references, list_pipeline_commands, list_variables
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_taint import ShellTaint
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="gitlab-script-injection",
    title="Inputs should not be pasted into scripts",
    severity=Severity.HIGH,
    description=(
        "GitLab replaces $[[ inputs.name ]] in the script before the shell reads it: an input becomes code. "
        "So does a title or a message that eval or a shell reads, as an argument, by a pipe or in a file."
    ),
    steps=(
        "Assign the input to a variable and use that in quotes.",
        "Hand a text to a program as a quoted argument, not to a shell.",
    ),
    equivalents=("poutine:injection",),
)

_UNTRUSTED = re.compile(
    r"CI_(?:COMMIT_(?:AUTHOR|BRANCH|DESCRIPTION|MESSAGE|REF_NAME|TAG|TAG_MESSAGE|TITLE)"
    r"|MERGE_REQUEST_(?:DESCRIPTION|SOURCE_BRANCH_NAME|TITLE))"
)
_VARIABLE = re.compile(r"\$\{?(\w+)")
_INPUT = re.compile(r"\$\[\[\s*inputs\.([\w-]+)[^\]]*\]\]")


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each input that is pasted into a script, and each command that evaluates what anybody writes."""
    set_here = dict(_label_variables(pipeline))
    jobs: dict[str, ShellTaint] = {}
    for step in pipeline.steps:
        taint = jobs.setdefault(
            step.job, ShellTaint(pipeline.source, lambda name: _find_taint_label(name, set_here))
        )
        for command, name in taint.find_evaluated_values(list_pipeline_commands(pipeline, step)):
            message = f"{name} is written by anybody and is evaluated as a script"
            yield CodeMatch(command.span, message, subject=step.subject)
        for node in step.scripts:
            for name, span in find_references(pipeline, node, _INPUT):
                yield CodeMatch(span, f"the input {name} becomes part of the script", subject=step.subject)


def _find_taint_label(name: str, set_here: Mapping[str, str]) -> str | None:
    return name if _UNTRUSTED.fullmatch(name) else set_here.get(name)


def _label_variables(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Give the variables of the file whose value is a variable that anybody writes."""
    for name, value in list_variables(pipeline):
        for used in _VARIABLE.findall(value.text):
            if _UNTRUSTED.fullmatch(used):
                yield name.text, used
