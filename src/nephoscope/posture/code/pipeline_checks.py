"""Checks that rules for pipelines of Azure DevOps and GitLab use: commands, variables, images."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline, PipelineStep
from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.collect.templates.shell.nested_commands import unfold_commands
from nephoscope.collect.templates.shell.parser import parse_script
from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.docker.images import get_image_digest
from nephoscope.posture.code.rule_match import CodeMatch

#: Predefined variables of Azure Pipelines that people outside of the project write, in lower case.
UNTRUSTED_VARIABLES = frozenset({
    "build.requestedfor", "build.requestedforemail", "build.sourcebranch", "build.sourcebranchname", "build.sourceversionauthor",
    "build.sourceversionmessage", "system.pullrequest.sourcebranch", "system.pullrequest.sourcebranchname",
    "system.pullrequest.sourcerepositoryuri",
})  # fmt: skip
_SECRET = re.compile(
    r"passw(?:or)?d|(?:^|[_.-])(?:pwd|secrets?|tokens?|api[_-]?key|access[_-]?key|private[_-]?key|client[_-]?secret|sas)$",
    re.IGNORECASE,
)
_FILE = re.compile(r"(?:file|path|url|uri|name|id)$", re.IGNORECASE)


def list_pipeline_commands(pipeline: Pipeline, step: PipelineStep) -> list[ShellCommand]:
    """Return the commands of a step's scripts at their places; none of PowerShell."""
    if step.shell in ("powershell", "pwsh"):
        return []
    return [command for node in step.scripts for command in _list_commands(pipeline, node)]


def _list_commands(pipeline: Pipeline, node: YamlNode) -> list[ShellCommand]:
    raw = pipeline.source.get_text(node.span)
    head = re.match(r"[|>][^\n]*", raw)
    if head:
        raw = " " * head.end() + raw[head.end() :]
    elif raw[:1] in "\"'" and len(raw) > 1:
        raw = f" {raw[1:-1]} "
    return list(unfold_commands(parse_script(raw, node.span.start)))


def find_references(
    pipeline: Pipeline, node: YamlNode, pattern: re.Pattern[str]
) -> Iterator[tuple[str, TextSpan]]:
    """Give the names that a pattern's groups find in a script, with their places."""
    for match in pattern.finditer(pipeline.source.get_text(node.span)):
        name = next((group for group in match.groups() if group), "")
        yield name, TextSpan(node.span.start + match.start(), node.span.start + match.end())


def is_secret_name(name: str) -> bool:
    """Tell whether a variable's name says that its value is a secret."""
    return bool(_SECRET.search(name)) and not _FILE.search(name)


def list_variables(pipeline: Pipeline) -> Iterator[tuple[YamlNode, YamlNode]]:
    """Give the name and value of each variable that a pipeline, its jobs and its steps set."""
    for node in _list_maps(pipeline.root):
        for name in ("variables", "env"):
            held = node.get(name)
            if held is None:
                continue
            yield from (pair for pair in held.pairs if pair[1].kind == "scalar")
            for item in held.items:
                label, value = item.get("name"), item.get("value")
                if label is not None and value is not None:
                    yield label, value


def _list_maps(root: YamlNode) -> Iterator[YamlNode]:
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.kind == "map":
            yield node
        waiting += [value for _, value in node.pairs] + node.items


def builds_pull_requests(pipeline: Pipeline) -> bool:
    """Tell whether pull requests start the pipeline: all that do not say `pr: none` do, where the repository is on GitHub."""
    node = pipeline.root.get("pr")
    return node is None or node.text != "none"


def _list_images(node: YamlNode) -> Iterator[tuple[str, YamlNode]]:
    """The members of a map that name images: its own, its container and its services."""
    for name in ("image", "container"):
        held = node.get(name)
        if held is not None:
            yield name, held
    services = node.get("services")
    for item in services.items if services is not None else []:
        yield "service", item


def find_unpinned_images(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give a match for each image that no digest pins."""
    for node in _list_maps(pipeline.root):
        for name, held in _list_images(node):
            image = held.get("name") if held.kind == "map" else held
            known = (
                image is not None
                and image.kind == "scalar"
                and (name == "image" or ":" in image.text or "/" in image.text)
            )
            if (
                image is not None
                and known
                and "$" not in image.text
                and image.text
                and not get_image_digest(image.text)
            ):
                yield CodeMatch(image.span, f"the image {image.text} is not pinned to a digest")
