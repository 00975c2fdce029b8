"""Images should have a HEALTHCHECK."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3057",
    title="Images should have a HEALTHCHECK",
    severity=Severity.LOW,
    description="Without a health check, a container that hangs looks healthy.",
    steps=("Add HEALTHCHECK CMD, or HEALTHCHECK NONE where an orchestrator probes it.",),
    equivalents=("hadolint:DL3057",),
    optional=True,
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give the stages of the image that have no HEALTHCHECK."""
    used = {base for stage in file.stages for base in file.list_lineage(stage.index)[1:]}
    for stage in file.stages:
        checked = any(
            file.list_stage_instructions(one, "HEALTHCHECK") for one in file.list_lineage(stage.index)
        )
        if stage.index not in used and not checked:
            yield CodeMatch(stage.instruction.span, "no HEALTHCHECK is set")
