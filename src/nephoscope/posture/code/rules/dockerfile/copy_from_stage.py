"""COPY --from should name an earlier stage."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3022",
    title="COPY --from should name an earlier stage",
    severity=Severity.MEDIUM,
    description="A name that is no stage is pulled as an image from a registry.",
    steps=("Name a stage that is defined before, or an image with its tag.",),
    equivalents=("hadolint:DL3022",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each COPY from what is neither an earlier stage nor an image with a tag."""
    for instruction in file.list_instructions("COPY"):
        source = instruction.get_flag("from")
        if source is None or ":" in source or "@" in source or "$" in source:
            continue
        names = {stage.name.lower() for stage in file.stages[: max(instruction.stage, 0)] if stage.name}
        numbered = source.isdigit() and int(source) < max(instruction.stage, 0)
        if source.lower() not in names and not numbered:
            yield CodeMatch(instruction.span, f"{source} is no stage before this one")
