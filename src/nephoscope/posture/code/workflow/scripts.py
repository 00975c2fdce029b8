"""Scripts of steps: those of `run`, and inputs of actions that run them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial

from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.collect.templates.shell.nested_commands import unfold_commands
from nephoscope.collect.templates.shell.parser import parse_script
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.expression import WorkflowExpression
from nephoscope.collect.templates.workflow.taint_analysis import (
    find_carried_values,
    is_inert,
    is_written_by_anybody,
)
from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowStep
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.shell_taint import ShellTaint

#: Actions and their inputs that are run as code.
CODE_INPUTS: dict[str, tuple[str, ...]] = {
    "actions/github-script": ("script",),
    "addnab/docker-run-action": ("run",),
    "amadevus/pwsh-script": ("script",),
    "appleboy/ssh-action": ("script",),
    "azure/cli": ("inlinescript",),
    "azure/powershell": ("inlinescript",),
    "cardinalby/js-eval-action": ("expression",),
    "coactions/setup-xvfb": ("run",),
    "cross-platform-actions/action": ("run",),
    "devcontainers/ci": ("runcmd",),
    "gabrielbb/xvfb-action": ("run",),
    "jannekem/run-python-script-action": ("script",),
    "mikefarah/yq": ("cmd",),
    "nick-fields/retry": ("command", "on_retry_command"),
    "nick-invision/retry": ("command", "on_retry_command"),
    "reactivecircus/android-emulator-runner": ("script", "pre-emulator-launch-script"),
    "roots/issue-closer-action": ("issue-close-message", "pr-close-message"),
    "sergeysova/jq-action": ("cmd",),
    "uraimo/run-on-arch-action": ("run", "install", "setup"),
}
_WINDOWS = re.compile(r"windows", re.IGNORECASE)


def list_scripts(workflow: Workflow) -> Iterator[tuple[WorkflowStep, YamlNode]]:
    """Give each script of each step."""
    for step in workflow.steps:
        if step.run is not None:
            yield step, step.run
        uses = step.uses
        for name in CODE_INPUTS.get(uses.name, ()) if uses else ():
            node = step.get_input(name)
            if node is not None and node.kind == "scalar":
                yield step, node


def list_script_expressions(workflow: Workflow) -> Iterator[tuple[WorkflowStep, WorkflowExpression]]:
    """Give each expression of each script."""
    for step, node in list_scripts(workflow):
        for tree in workflow.list_expressions(node):
            yield step, tree


def find_injected_expressions(
    workflow: Workflow, by_anybody: bool
) -> Iterator[tuple[WorkflowStep, WorkflowExpression]]:
    """Give the contexts that are pasted into scripts: those that anybody writes, or the others that are not known to be harmless."""
    for step, tree in list_script_expressions(workflow):
        for context in find_carried_values(tree):
            if context.kind != "context":
                continue
            if is_written_by_anybody(context.parts):
                if by_anybody:
                    yield step, context
            elif not by_anybody and not is_safe_context(workflow, step, context.parts):
                yield step, context


def find_evaluated_expressions(workflow: Workflow) -> Iterator[tuple[WorkflowStep, ShellCommand, str]]:
    """Give each command that evaluates a variable of the environment that holds a context that anybody writes, with that context."""
    jobs: dict[int, ShellTaint] = {}
    for step in workflow.steps:
        if step.run is None:
            continue
        labels = {"GITHUB_HEAD_REF": "github.head_ref", **_label_environment(workflow, step)}
        find_label = partial(_find_label, labels)
        taint = jobs.setdefault(id(step.job), ShellTaint(workflow.source, find_label))
        if len(labels) > 1 or taint.files or taint.environment or "GITHUB_HEAD_REF" in step.run.text:
            taint.begin_step(find_label)
            for command, label in taint.find_evaluated_values(list_shell_commands(workflow, step)):
                yield step, command, label


def _find_label(labels: Mapping[str, str], name: str) -> str | None:
    return labels.get(name.upper())


def _label_environment(workflow: Workflow, step: WorkflowStep) -> dict[str, str]:
    """Return the variables of a step that hold a context that anybody writes, with its path."""
    found: dict[str, str] = {}
    for name, node in build_environment(workflow, step).items():
        if node.kind != "scalar" or "${{" not in node.text:
            continue
        contexts = (
            context for tree in workflow.list_expressions(node) for context in find_carried_values(tree)
        )
        first = next((one.path for one in contexts if is_written_by_anybody(one.parts)), None)
        if first is not None:
            found[name] = first
    return found


def is_safe_context(workflow: Workflow, step: WorkflowStep, parts: tuple[str, ...]) -> bool:
    """Tell whether the value of a context is fixed in the workflow, or of a form that holds no script."""
    if is_inert(parts):
        return True
    if parts[0] == "inputs" or parts[:3] == ("github", "event", "inputs"):
        return _is_typed_input(workflow, parts[-1])
    if parts[0] == "env" and len(parts) == 2:
        return _is_static(build_environment(workflow, step).get(parts[1].upper()))
    if parts[0] == "matrix" and step.job is not None:
        return all(
            "${{" not in value.text for value in list_matrix_values(step, parts[1] if len(parts) > 1 else "*")
        )
    return False


def _is_typed_input(workflow: Workflow, name: str) -> bool:
    found = []
    for event in ("workflow_call", "workflow_dispatch"):
        inputs = workflow.get("on", event, "inputs") or workflow.get("true", event, "inputs")
        for key, node in inputs.pairs if inputs is not None else []:
            if key.text.lower() == name:
                kind = node.get("type")
                found.append(kind is not None and kind.text in ("boolean", "number", "choice"))
    return bool(found) and all(found)


def build_environment(workflow: Workflow, step: WorkflowStep) -> dict[str, YamlNode]:
    """Return the environment of a step by upper-case name: its own, over the job's, over the workflow's."""
    found: dict[str, YamlNode] = {}
    for node in (workflow.get("env"), step.job.get("env") if step.job else None, step.get("env")):
        for key, value in node.pairs if node is not None else []:
            found[key.text.upper()] = value
    return found


def _is_static(node: YamlNode | None) -> bool:
    return node is not None and node.kind == "scalar" and "${{" not in node.text


def list_matrix_values(step: WorkflowStep, name: str) -> list[YamlNode]:
    """Return the scalars that a name of the matrix may have; the matrix itself where it is an expression, and all for `*`."""
    assert step.job is not None
    matrix = step.job.get("strategy", "matrix")
    if matrix is None:
        return []
    if matrix.kind == "scalar":
        return [matrix]
    found: list[YamlNode] = []
    for key, value in matrix.pairs:
        if key.text == "include":
            rows = value.items if value.kind == "list" else [value]
            for row in rows:
                cells = [cell for label, cell in row.pairs if name in ("*", label.text.lower())]
                found += cells or ([row] if row.kind == "scalar" else [])
        elif name in ("*", key.text.lower()):
            found.append(value)
    return [scalar for node in found for scalar in node.list_scalars()]


def list_shell_commands(workflow: Workflow, step: WorkflowStep) -> list[ShellCommand]:
    """Return the commands of a step's `run` at their places in the file; none of scripts in other languages."""
    node = step.run
    if node is None:
        return []
    given = step.get("shell")
    default = _find_default_shell(workflow, step)
    shell = given.text if given is not None else default.text if default is not None else ""
    if shell.split(" ")[0] in ("python", "node", "perl", "ruby"):
        return []
    raw = workflow.source.get_text(node.span)
    head = re.match(r"[|>][^\n]*", raw)
    if head:
        raw = " " * head.end() + raw[head.end() :]
    elif raw[:1] in "\"'" and len(raw) > 1:
        raw = f" {raw[1:-1]} "
    runs_on = step.job.get("runs-on") if step.job else None
    is_windows = any(_WINDOWS.search(text) for text in (runs_on.texts() if runs_on is not None else []))
    if shell in ("pwsh", "powershell") or (not shell and is_windows):
        raw = re.sub(r"`(?=\r?\n)", r"\\", raw)
    return list(unfold_commands(parse_script(raw, node.span.start)))


def _find_default_shell(workflow: Workflow, step: WorkflowStep) -> YamlNode | None:
    job = step.job.get("defaults", "run", "shell") if step.job else None
    return job or workflow.get("defaults", "run", "shell")


def get_value_span(node: YamlNode) -> TextSpan:
    """Return the span of a value; of a block scalar its first line."""
    return TextSpan(node.span.start, node.span.start + 1) if node.style in ("|", ">") else node.span
