"""GitLab CI/CD. Source: https://docs.gitlab.com/ci/yaml/."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.pipeline_model import Pipeline, PipelineStep
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.yaml_tree import YamlNode, parse_yaml

TITLE = "GitLab CI/CD pipeline"
PRECEDENCE = 10
_NAME = re.compile(r"(?:^|/)[^/]*\.?gitlab-ci[^/]*\.ya?ml$", re.IGNORECASE)
_SCRIPTS = ("before_script", "script", "after_script")


def recognizes(name: str, head: str) -> bool:
    """Claim files by their name."""
    return bool(_NAME.search(name)) and bool(head)


def read(source: SourceText) -> Pipeline:
    """Parse a pipeline; its header with `spec` is left out. Raises UnreadableFileError."""
    documents = [one for one in parse_yaml(source) if one.kind == "map"]
    if not documents:
        raise UnreadableFileError("a pipeline must be a map of jobs")
    root = documents[-1]
    for key, value in root.pairs:
        script = value.get("script") if value.kind == "map" else None
        if script is not None and script.kind == "map":
            raise UnreadableFileError(
                f"the script of {key.text} must be a text or a list: GitLab refuses the file",
                *source.find_position(script.span.start),
            )
    return Pipeline(source, root, list(_list_steps(root)))


def _list_steps(root: YamlNode) -> Iterator[PipelineStep]:
    yield from _list_job_steps(root, "")
    for key, value in root.pairs:
        if value.kind == "map":
            yield from _list_job_steps(value, key.text)


def _list_job_steps(node: YamlNode, job: str) -> Iterator[PipelineStep]:
    for name in _SCRIPTS:
        value = node.get(name)
        if value is not None:
            scripts = [item for item in value.list_scalars() if item.kind == "scalar"]
            yield PipelineStep(node, scripts, "", job, _SCRIPTS.index(name))
