"""Pipelines of Azure DevOps and GitLab as steps with scripts."""

from __future__ import annotations

import msgspec

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.yaml_tree import YamlNode


class PipelineStep(msgspec.Struct):
    """A step: its node, its scripts (each a scalar), the shell that reads them ('' for the default), and its job."""

    node: YamlNode
    scripts: list[YamlNode]
    shell: str
    job: str
    index: int

    @property
    def subject(self) -> str:
        """The job and the step for a person."""
        return f"job {self.job}, step {self.index + 1}" if self.job else f"step {self.index + 1}"


class Pipeline(msgspec.Struct):
    """A pipeline file: its tree and the steps in their order."""

    source: SourceText
    root: YamlNode
    steps: list[PipelineStep] = msgspec.field(default_factory=list)
