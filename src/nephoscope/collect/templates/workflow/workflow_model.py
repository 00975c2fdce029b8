"""GitHub workflows and actions as jobs and steps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.source_text import SourceText, TextSpan
from nephoscope.collect.templates.workflow.expression import WorkflowExpression, parse_expressions
from nephoscope.collect.templates.yaml_tree import YamlNode

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)


class ActionReference(NamedTuple):
    """Action named by `uses`: lower-cased owner/name, the `path` of a folder in it, and the `ref` after `@`."""

    repository: str
    path: str
    ref: str

    @property
    def is_commit(self) -> bool:
        """Tell whether the ref is a full hash of a commit."""
        return bool(_COMMIT.fullmatch(self.ref))

    @property
    def name(self) -> str:
        """The repository with its path, as `github/codeql-action/init`."""
        return f"{self.repository}/{self.path}".rstrip("/")


def parse_uses(text: str) -> ActionReference | None:
    """Return what a `uses` names; None of a local action, an image or an expression."""
    text = text.strip()
    if text.startswith(("./", "../", "$/", "docker://")) or "${{" in text:
        return None
    name, _, ref = text.partition("@")
    parts = name.split("/")
    if len(parts) < 2 or not all(parts[:2]):
        return None
    return ActionReference("/".join(parts[:2]).lower(), "/".join(parts[2:]).lower(), ref)


@dataclass(slots=True)
class WorkflowStep:
    """A step of a job or of a composite action."""

    node: YamlNode
    job: WorkflowJob | None
    index: int

    def get(self, name: str) -> YamlNode | None:
        """Return the value of a key."""
        return self.node.get(name)

    @property
    def uses(self) -> ActionReference | None:
        """The action that it runs."""
        node = self.node.get("uses")
        return parse_uses(node.text) if node is not None and node.kind == "scalar" else None

    @property
    def run(self) -> YamlNode | None:
        """The script that it runs."""
        node = self.node.get("run")
        return node if node is not None and node.kind == "scalar" else None

    def get_input(self, name: str) -> YamlNode | None:
        """Return an input of the action, whose names have no case."""
        given = self.node.get("with")
        pairs = given.pairs if given is not None else []
        return next((value for key, value in pairs if key.text.lower() == name.lower()), None)

    @property
    def subject(self) -> str:
        """The job and the step for a person."""
        name = self.node.get("id") or self.node.get("name")
        step = name.text if name is not None and name.text else str(self.index + 1)
        return f"job {self.job.id}, step {step}" if self.job else f"step {step}"


@dataclass(slots=True)
class WorkflowJob:
    """A job: its key, its value and its steps."""

    key: YamlNode
    node: YamlNode
    steps: list[WorkflowStep] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The name in the workflow."""
        return self.key.text

    def get(self, *path: str) -> YamlNode | None:
        """Return the value at a path of keys."""
        return self.node.get(*path)


@dataclass(slots=True)
class Workflow:
    """A workflow, or an action (`is_action`), with what triggers it."""

    source: SourceText
    root: YamlNode
    is_action: bool
    triggers: dict[str, YamlNode] = field(default_factory=dict)
    trigger_keys: dict[str, YamlNode] = field(default_factory=dict)
    jobs: list[WorkflowJob] = field(default_factory=list)
    steps: list[WorkflowStep] = field(default_factory=list)

    def get(self, *path: str) -> YamlNode | None:
        """Return the value at a path of keys."""
        return self.root.get(*path)

    def list_expressions(self, node: YamlNode) -> list[WorkflowExpression]:
        """Return the expressions within a scalar, at their places in the file."""
        return parse_expressions(self.source.get_text(node.span), node.span.start)

    def parse_condition(self, node: YamlNode) -> list[WorkflowExpression]:
        """Return the expressions of an `if`, which needs no braces."""
        found = self.list_expressions(node)
        if found or "${{" in node.text:
            return found
        raw = self.source.get_text(node.span)
        shift = raw.find(node.text.strip().split("\n", 1)[0])
        return parse_expressions("${{" + node.text + "}}", node.span.start + max(shift, 0) - 3)

    def list_scalars(self) -> Iterator[YamlNode]:
        """Give each scalar value of the file."""
        return self.root.list_scalars()

    @property
    def start(self) -> TextSpan:
        """The first key of the file."""
        return self.root.pairs[0][0].span if self.root.pairs else self.root.span

    def is_triggered_by(self, *events: str) -> bool:
        """Tell whether one of these events starts it."""
        return not self.triggers.keys().isdisjoint(events)


def build_workflow(source: SourceText, root: YamlNode) -> Workflow:
    """Build the workflow of a document; raises UnreadableFileError where a part is of another kind than GitHub takes."""
    runs = root.get("runs")
    workflow = Workflow(source, root, runs is not None and root.get("jobs") is None)
    _read_triggers(workflow)
    jobs = _require_node_kind(source, root.get("jobs"), "map", "jobs")
    for key, node in jobs.pairs if jobs is not None else []:
        _require_node_kind(source, node, "map", f"job {key.text}")
        job = WorkflowJob(key, node)
        job.steps = _list_steps(source, node.get("steps"), job)
        workflow.jobs.append(job)
        workflow.steps += job.steps
    if workflow.is_action and runs is not None:
        _require_node_kind(source, runs, "map", "runs")
        workflow.steps = _list_steps(source, runs.get("steps"), None)
    return workflow


def _list_steps(source: SourceText, node: YamlNode | None, job: WorkflowJob | None) -> list[WorkflowStep]:
    listed = _require_node_kind(source, node, "list", "steps")
    items = listed.items if listed is not None else []
    for index, item in enumerate(items):
        _require_node_kind(source, item, "map", f"step {index + 1}")
    return [WorkflowStep(item, job, index) for index, item in enumerate(items) if item.kind == "map"]


def _require_node_kind(source: SourceText, node: YamlNode | None, kind: str, name: str) -> YamlNode | None:
    """Return a part that is missing, empty or of a kind; raises UnreadableFileError for another."""
    if node is not None and node.kind != kind and not node.is_null:
        raise UnreadableFileError(
            f"{name} must be a {kind}, and is a {node.kind}: GitHub refuses the file",
            *source.find_position(node.span.start),
        )
    return node


def _read_triggers(workflow: Workflow) -> None:
    node = workflow.root.get("on") or workflow.root.get("true")
    if node is None:
        return
    if node.kind == "map":
        for key, value in node.pairs:
            workflow.triggers[key.text] = value
            workflow.trigger_keys[key.text] = key
        return
    for item in node.items if node.kind == "list" else [node]:
        if item.kind == "scalar" and not item.is_null:
            workflow.triggers[item.text] = item
            workflow.trigger_keys[item.text] = item
