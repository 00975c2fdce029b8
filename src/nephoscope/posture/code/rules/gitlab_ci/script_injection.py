"""Inputs should not be pasted into scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.collect.templates.shell.nested_commands import SHELLS, nested_scripts
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

_UNTRUSTED = re.compile(
    r"\$\{?(CI_(?:COMMIT_(?:AUTHOR|BRANCH|DESCRIPTION|MESSAGE|REF_NAME|TAG|TAG_MESSAGE|TITLE)"
    r"|MERGE_REQUEST_(?:DESCRIPTION|SOURCE_BRANCH_NAME|TITLE)))\b"
)
_INPUT = re.compile(r"\$\[\[\s*inputs\.([\w-]+)[^\]]*\]\]")


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each input that is pasted into a script, and each `eval` of what anybody writes."""
    for step in pipeline.steps:
        for command in pipeline_commands(pipeline, step):
            found = _UNTRUSTED.search(_find_evaluated(pipeline, command))
            if found is not None:
                message = f"{found[1]} is written by anybody and is evaluated as a script"
                yield CodeMatch(command.span, message, subject=step.subject)
        for node in step.scripts:
            for name, span in references(pipeline, node, _INPUT):
                yield CodeMatch(span, f"the input {name} becomes part of the script", subject=step.subject)


def _find_evaluated(pipeline: Pipeline, command: ShellCommand) -> str:
    """Return what a command evaluates as a script once its variables have their values."""
    if command.program == "eval":
        return pipeline.source.cut(command.span)
    if command.program not in SHELLS:
        return ""
    scripts = list(nested_scripts(command))
    kept = {word.span.start + 1 for word in command.words if pipeline.source.cut(word.span)[:1] == "'"}
    return "\n".join(script for script, offset in scripts if offset not in kept)
