"""COPY to a relative target should follow a WORKDIR."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3045",
    title="COPY to a relative target should follow a WORKDIR",
    severity=Severity.LOW,
    description="Without WORKDIR the target is in the root, or wherever the base image ended.",
    steps=("Set WORKDIR before, or write an absolute target.",),
    equivalents=("hadolint:DL3045",),
)

_ABSOLUTE = re.compile(r"/|\$|[A-Za-z]:[\\/]|\\\\")


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each COPY to a relative target in a stage without WORKDIR."""
    for instruction in file.list_instructions("COPY"):
        target = [word.text for word in instruction.words[-1:]]
        if not target or _ABSOLUTE.match(target[0]):
            continue
        folders = [
            one
            for stage in file.list_lineage(instruction.stage)
            for one in file.list_stage_instructions(stage, "WORKDIR")
        ]
        if not any(one.span.start < instruction.span.start for one in folders):
            yield CodeMatch(instruction.span, f"the target {target[0]} is relative, and no WORKDIR is set")
