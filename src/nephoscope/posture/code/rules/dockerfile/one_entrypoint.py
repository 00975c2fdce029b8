"""A stage should have one ENTRYPOINT."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL4004",
    title="A stage should have one ENTRYPOINT",
    severity=Severity.LOW,
    description="Only the last ENTRYPOINT of a stage has an effect; the others mislead.",
    steps=("Keep the last ENTRYPOINT and remove the others.",),
    equivalents=("hadolint:DL4004",),
)


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each ENTRYPOINT after the first of its stage."""
    seen: set[tuple[int, bool]] = set()
    for instruction in file.list_instructions("ENTRYPOINT"):
        place = (instruction.stage, instruction.trigger)
        if place in seen:
            yield CodeMatch(
                instruction.keyword_span, "the stage has more than one entry point: only the last counts"
            )
        seen.add(place)
