"""Texts that anybody can write should not be pasted into scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from nephoscope.collect.templates.pipeline_model import Pipeline, PipelineStep
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import (
    UNTRUSTED_VARIABLES,
    find_references,
    list_pipeline_commands,
    list_variables,
)
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_taint import ShellTaint, find_powershell_evaluated
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-script-injection",
    title="Texts that anybody can write should not be pasted into scripts",
    severity=Severity.HIGH,
    description=(
        "Azure Pipelines replaces $(variable) in the script before the shell reads it: the name of a "
        "branch or the message of a commit becomes code that runs with the rights of the pipeline. So it does "
        "where eval, a shell or Invoke-Expression reads it from the environment."
    ),
    steps=("Hand the value over by env: and use it as a quoted variable.",),
    equivalents=("poutine:injection",),
)

_MACRO = re.compile(r"\$\(([\w.]+)\)|\$\{\{\s*variables\[?['.]?([\w.]+)'?\]?\s*\}\}")
_UNTRUSTED_ENVIRONMENT = {name.replace(".", "_").upper(): name for name in UNTRUSTED_VARIABLES}


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each reference in a script to a variable that people outside of the project write, and what evaluates one."""
    labels = {**_UNTRUSTED_ENVIRONMENT, **dict(_label_variables(pipeline))}
    jobs: dict[str, ShellTaint] = {}
    for step in pipeline.steps:
        taint = jobs.setdefault(step.job, ShellTaint(pipeline.source, _make_label_lookup(labels)))
        for node in step.scripts:
            for name, span in find_references(pipeline, node, _MACRO):
                written = name.replace(".", "_").upper()
                if name.lower() in UNTRUSTED_VARIABLES or taint.environment.get(written) or written in labels:
                    message = f"{name} is written by anybody and becomes part of the script"
                    yield CodeMatch(span, message, subject=step.subject)
        yield from _find_evaluated_input(pipeline, step, taint)


def _find_evaluated_input(pipeline: Pipeline, step: PipelineStep, taint: ShellTaint) -> Iterator[CodeMatch]:
    """Give what evaluates a variable of the environment that anybody writes."""
    message = "{} is written by anybody and is evaluated as a script"
    if step.shell in ("powershell", "pwsh"):
        for node in step.scripts:
            for span, name in find_powershell_evaluated(pipeline.source, node.span, taint.labels):
                yield CodeMatch(span, message.format(name), subject=step.subject)
        return
    taint.begin_step(taint.labels)
    for command, name in taint.find_evaluated_values(list_pipeline_commands(pipeline, step)):
        yield CodeMatch(command.span, message.format(name), subject=step.subject)


def _make_label_lookup(labels: Mapping[str, str]) -> Callable[[str], str | None]:
    return lambda name: labels.get(name.upper())


def _label_variables(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """Give the variables of the file whose value is a variable that anybody writes."""
    for name, value in list_variables(pipeline):
        for groups in _MACRO.findall(value.text):
            used = next(group for group in groups if group)
            if used.lower() in UNTRUSTED_VARIABLES:
                yield name.text.replace(".", "_").upper(), used
