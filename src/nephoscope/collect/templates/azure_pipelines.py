"""Azure Pipelines. Source: https://learn.microsoft.com/azure/devops/pipelines/yaml-schema."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.pipeline_model import Pipeline, PipelineStep
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.yaml_tree import YamlNode, parse_yaml

TITLE = "Azure Pipelines"
PRECEDENCE = 20
_NAME = re.compile(
    r"(?:^|/)\.?azure-pipelines?[^/]*\.ya?ml$|(?:^|/)\.?azuredevops/.*\.ya?ml$"
    r"|(?:^|/)\.?(?:vsts-ci|pipelines)\.ya?ml$",
    re.IGNORECASE,
)
_STEPS = re.compile(r"^(?:steps|jobs|stages|extends)\s*:", re.MULTILINE)
_OWN = re.compile(
    r"^(?:pool|pr|resources|parameters)\s*:|^\s*-?\s*(?:vmImage|task|checkout|powershell|pwsh)\s*:",
    re.MULTILINE,
)
_SHELLS = {"script": "", "bash": "bash", "powershell": "powershell", "pwsh": "pwsh"}
#: Keys whose values hold jobs or steps.
_HOLDERS = frozenset({
    "stages", "jobs", "strategy", "runOnce", "rolling", "canary", "preDeploy", "deploy", "routeTraffic", "postRouteTraffic", "on",
    "failure",
    "success",
})  # fmt: skip
_INLINE = ("script", "inlineScript", "Inline", "scriptInline")
_BASH_TASKS = re.compile(r"(?:Bash|CmdLine|ShellScript)@\d+$|AzureCLI@\d+$", re.IGNORECASE)


def recognizes(name: str, head: str) -> bool:
    """Claim files by their name, others by keys that only Azure Pipelines knows."""
    if (
        not name.lower().endswith((".yml", ".yaml"))
        or ".github/" in name
        or name.lower().endswith("gitlab-ci.yml")
    ):
        return False
    if _NAME.search(name):
        return True
    return (
        bool(_STEPS.search(head) and _OWN.search(head))
        and "runs-on:" not in head
        and "apiVersion:" not in head
    )


def read(source: SourceText) -> Pipeline:
    """Parse a pipeline or a template of one; raises UnreadableFileError."""
    documents = parse_yaml(source)
    if not documents or documents[0].kind != "map":
        raise UnreadableFileError("a pipeline must be a map with `steps`, `jobs` or `stages`")
    pipeline = Pipeline(source, documents[0])
    _check_kinds(source, documents[0])
    pipeline.steps = list(_list_steps(documents[0], "", 0))
    return pipeline


def _check_kinds(source: SourceText, root: YamlNode) -> None:
    """Raise UnreadableFileError where steps, jobs or stages are no list of maps; what an expression gives may be one."""
    for name in ("stages", "jobs", "steps"):
        node = root.get(name)
        if node is None or node.is_null:
            continue
        listed = node.items if node.kind == "list" else [node]
        wrong = next((one for one in listed if one.kind != "map" and not one.text.startswith("${{")), None)
        if wrong is not None:
            raise UnreadableFileError(
                f"{name} must be a list of maps: Azure Pipelines refuses the file",
                *source.find_position(wrong.span.start),
            )


def _list_steps(node: YamlNode, job: str, depth: int) -> Iterator[PipelineStep]:
    """Give the steps within a map: those of its jobs and stages, of deployments, and behind `${{ if }}`."""
    if depth > 30:
        return
    name = node.get("job") or node.get("deployment")
    job = name.text if name is not None else job
    for key, value in node.pairs:
        if key.text == "steps":
            yield from (_build_step(item, job, index) for index, item in enumerate(_flatten_items(value)))
        elif key.text in _HOLDERS or key.text.startswith("${{"):
            for item in [value, *value.items]:
                yield from _list_steps(item, job, depth + 1)


def _flatten_items(node: YamlNode) -> Iterator[YamlNode]:
    for item in node.items:
        head = item.pairs[0] if item.pairs else None
        if head is not None and head[0].text.startswith("${{") and head[1].kind == "list":
            yield from _flatten_items(head[1])
        elif item.kind == "map":
            yield item


def _build_step(node: YamlNode, job: str, index: int) -> PipelineStep:
    for name, shell in _SHELLS.items():
        script = node.get(name)
        if script is not None and script.kind == "scalar":
            return PipelineStep(node, [script], shell, job, index)
    task, inputs = node.get("task"), node.get("inputs")
    scripts = [script for name in _INLINE if inputs is not None and (script := inputs.get(name)) is not None]
    shell = "bash" if task is not None and _BASH_TASKS.search(task.text) else "powershell"
    return PipelineStep(node, [one for one in scripts if one.kind == "scalar"], shell, job, index)
